"""How the engine is compiled with numba: decorators, tuples by address, worker threads."""
