"""What several of the distributions of SMACv2 refuse, with the field's name first."""

from __future__ import annotations

from collections.abc import Sequence


def check_items(items: Sequence[object], test_mode: bool) -> None:
    """There is something to draw from, and it is drawn."""
    if not items:
        raise ValueError("items: is empty; give at least one")
    if test_mode:
        raise ValueError(
            "test_mode: goes through the items from episode to episode; here an episode follows "
            "from its seed alone, so they are always drawn"
        )


def check_lengths(items: Sequence[Sequence[object]], count: int, what: str) -> None:
    """Every item has `count` entries; `what` is the name of that number."""
    for item in items:
        if len(item) != count:
            raise ValueError(f"items: {list(item)} has {len(item)} entries, {what} is {count}")


def check_probability(name: str, value: float) -> None:
    """A number from 0 to 1; NaN is none."""
    if not 0.0 <= value <= 1.0:
        raise ValueError(f"{name}: {value:g} is not within 0..1")


def check_enemies(repeated: int | None, n_enemies: int) -> None:
    """The client's files may repeat the number of enemies; it must be the same."""
    if repeated is not None and repeated != n_enemies:
        raise ValueError(f"n_enemies: {repeated}, but there are {n_enemies}; leave it out")
