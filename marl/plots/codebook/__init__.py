"""LAGMA's own pictures: the codebook of one run, its use, and what its codes are worth."""
