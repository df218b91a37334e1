"""Checks that several distributions of SMACv2 share; a refusal begins with the field's name."""

from __future__ import annotations

from collections.abc import Sequence


def check_items(items: Sequence[object], test_mode: bool) -> None:
    """Refuse empty items, and test_mode, which takes them in turn instead of drawing."""
    if not items:
        raise ValueError("items: is empty; give at least one")
    if test_mode:
        raise ValueError(
            "test_mode: goes through the items from episode to episode; here an episode follows "
            "from its seed alone, so they are always drawn"
        )


def check_lengths(items: Sequence[Sequence[object]], count: int, name: str) -> None:
    """Refuse items of another length than `count`; `name` is that of the number."""
    for item in items:
        if len(item) != count:
            raise ValueError(f"items: {list(item)} has {len(item)} entries, {name} is {count}")


def check_probability(name: str, value: float) -> None:
    """Refuse numbers outside 0..1, and NaN."""
    if not 0.0 <= value <= 1.0:
        raise ValueError(f"{name}: {value:g} is not within 0..1")


def check_enemies(repeated: int | None, n_enemies: int) -> None:
    """Refuse a repeated number of enemies that differs; the client's files repeat it."""
    if repeated is not None and repeated != n_enemies:
        raise ValueError(f"n_enemies: {repeated}, but there are {n_enemies}; leave it out")
