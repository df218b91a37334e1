"""LAGMA's intrinsic reward: goal trajectories in a space of codes."""
