"""What a checkpoint can hold: tensors, numbers, strings, None, and dicts, lists and tuples of them.

Anything else would be written, and be found only when it is to be read again. And what of it fits a
part that is to go on from it.
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
KINDS: dict[type, str] = {
    Mapping: "a mapping",
    list: "a list",
    tuple: "a list",
    str: "a word",
    Tensor: "a number",
    int: "a number",
    float: "a number",
}


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


def refuse_other_kinds(own: object, found: object, path: str) -> None:
    """ValueError where a saved value is of another kind than the one that a part has now.

    Mappings need the keys that the part's own has; of what is in lists, of further keys, and of
    tensors' sizes the part itself must know. Numbers and tensors are one kind; two tensors need the
    same number of axes, and both whole numbers or none.
    """
    if own is not None and _kind(own) != _kind(found):
        raise ValueError(f"{path} is {_kind(found)}, not {_kind(own)}")
    if isinstance(own, Tensor) and isinstance(found, Tensor):
        alike = own.is_floating_point() == found.is_floating_point() and own.ndim == found.ndim
        if not alike:
            raise ValueError(f"{path} is a tensor of {found.dtype} with {found.ndim} axes")
    if isinstance(own, Mapping) and isinstance(found, Mapping):
        for key, value in own.items():
            if key not in found:
                raise ValueError(f"{path}.{key} is missing")
            refuse_other_kinds(value, found[key], f"{path}.{key}")


def _kind(value: object) -> str:
    """In a word."""
    for kind, name in KINDS.items():
        if isinstance(value, kind):
            return name
    return "nothing"
