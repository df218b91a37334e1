"""How functions are compiled with numba: decorators, tuples by address, worker threads, vectors."""

from marl.compiled.cache import use_cache

use_cache()
