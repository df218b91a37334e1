"""Bounds of values inside one another."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from marl.untrusted.bounds import DEPTH

Node = TypeVar("Node")


@dataclass
class _Open(Generic[Node]):
    """A value whose insides are being looked at."""

    node: Node
    left: list[Node]
    size: int = 1  # values so far, itself included
    height: int = 1  # of the deepest so far


def trouble_with(root: Node, children: Callable[[Node], Iterable[Node]], most: int) -> str:
    """Why the values in `root` are too many, too deep or without end; "" where they are not.

    children: the values directly in one. A value that stands in several places counts in each, but
    is looked at once.
    """
    found: dict[int, tuple[int, int]] = {}  # size and height by identity; (0, 0) while it is open
    path = [_Open(root, list(children(root)))]
    while path:
        here = path[-1]
        found[id(here.node)] = (0, 0)
        if here.size > most:
            return f"holds more than {most:,} values"
        if len(path) + here.height > DEPTH + 1:
            return f"holds values more than {DEPTH} deep inside one another"
        if not here.left:
            found[id(here.node)] = (here.size, here.height)
            path.pop()
            if path:
                path[-1].size += here.size
                path[-1].height = max(path[-1].height, here.height + 1)
            continue
        child = here.left.pop()
        if id(child) in found:
            size, height = found[id(child)]
            if size == 0:
                return "holds a value that contains itself"
            here.size += size
            here.height = max(here.height, height + 1)
        elif inside := list(children(child)):
            path.append(_Open(child, inside))
        else:
            here.size += 1
            here.height = max(here.height, 2)
    return ""


def plain_children(value: object) -> Iterable[object]:
    """The values in a mapping, a list or a tuple."""
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list | tuple) else ()
