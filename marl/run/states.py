"""What a checkpoint can hold: tensors, numbers, strings, None, and dicts, lists and tuples of them.

Anything else would be written, and be found only when it is to be read again.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping

from torch import Tensor

from marl.errors import CheckpointError
from marl.protocols.loop import State

# Exact types: a numpy float is a float by inheritance, but is written as numpy's.
VALUES = {bool, int, float, str, type(None)}
KEYS = {bool, int, float, str}
MAPPINGS = {dict, OrderedDict}
SEQUENCES = {list, tuple}


def refuse_unreadable(parts: Mapping[str, State]) -> None:
    """CheckpointError with the path and the type of a value that no checkpoint can hold."""
    for name, state in parts.items():
        for path, value in unreadable(state, name):
            kind = type(value)
            raise CheckpointError(
                f"{path} is a {kind.__module__}.{kind.__qualname__}, which no checkpoint can hold: "
                "state_dict may give tensors, numbers, strings, and dicts and lists of them"
            )


def unreadable(value: object, path: str) -> Iterator[tuple[str, object]]:
    """What of a nested value can't be held, with its path."""
    if type(value) in MAPPINGS:
        assert isinstance(value, Mapping)
        for key, inside in value.items():
            if type(key) not in KEYS:
                yield f"a key of {path}", key
            yield from unreadable(inside, f"{path}.{key}")
    elif type(value) in SEQUENCES:
        assert isinstance(value, list | tuple)
        for index, inside in enumerate(value):
            yield from unreadable(inside, f"{path}.{index}")
    elif not isinstance(value, Tensor) and type(value) not in VALUES:
        yield path, value
