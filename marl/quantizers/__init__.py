"""Quantizers: states to codes of a learnt codebook."""
