from __future__ import annotations

import pickle
from typing import NamedTuple

import numpy as np
import pytest
from numba import typeof
from numba.core.errors import TypingError

from marl.compiled.jit import bind, compiled
from marl.compiled.reference import _write, reference


class Inner(NamedTuple):
    weights: np.ndarray
    flag: bool


class Outer(NamedTuple):
    count: int
    values: np.ndarray
    inner: Inner
    scale: float


class Pair(NamedTuple):
    """numba keeps a tuple of equal types in another way than one of different types."""

    left: np.ndarray
    right: np.ndarray


def outer(count: int = 3) -> Outer:
    return reference(Outer(count, np.arange(4.0), Inner(np.ones(2), True), 0.5))


@compiled
def total(outer: Outer) -> float:
    found = outer.count + outer.scale
    for value in outer.values:
        found += value
    if outer.inner.flag:
        for value in outer.inner.weights:
            found += value
    return found


@compiled
def move_to_the_right(pair: Pair) -> None:
    for i in range(pair.left.size):
        pair.right[i], pair.left[i] = pair.left[i], 0.0


def test_compiled_code_reads_the_fields_of_the_tuple_and_of_the_tuples_in_it():
    assert total(outer()) == 3 + 0.5 + 6 + 2


def test_python_reads_the_same_fields():
    read = outer()
    assert (read.count, read.scale, read.inner.flag) == (3, 0.5, True)
    assert read.values.tolist() == [0, 1, 2, 3]
    with pytest.raises(AttributeError, match="weight"):
        _ = read.weight


def test_the_arrays_are_shared_not_copied():
    pair = reference(Pair(np.array([1.0, 2.0]), np.zeros(2)))
    move_to_the_right(pair)
    assert pair.left.tolist() == [0, 0]
    assert pair.right.tolist() == [1, 2]


def test_references_to_tuples_of_one_type_share_compiled_code():
    assert typeof(outer(1)) == typeof(outer(2))
    assert pickle.loads(pickle.dumps(typeof(outer()))) == typeof(outer())
    assert typeof(outer()) != typeof(reference(Pair(np.ones(1), np.ones(1))))


def test_tuples_of_others_leave_no_trace_in_the_cache_that_all_processes_read():
    kept = len(_write.signatures)
    outer()
    assert len(_write.signatures) == kept


def test_an_unknown_field_does_not_compile():
    @compiled
    def read(outer: Outer) -> int:
        return outer.cuont  # type: ignore[attr-defined]

    with pytest.raises(TypingError, match="cuont"):
        read(outer())


def test_a_bound_call_sees_what_its_arrays_hold_now():
    values = outer()
    call = bind(total, values)
    values.values[:] = 0.0
    assert call() == 3 + 0.5 + 2
