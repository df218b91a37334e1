"""JSON up to bounds of size, depth and digits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NoReturn

from marl.errors import UnreadableError
from marl.untrusted.bounds import DIGITS, JSON_BYTES
from marl.untrusted.files import read_bytes
from marl.untrusted.nested import plain_children, trouble_with


def load_json(data: bytes, name: str) -> object:
    """The value in a JSON text, all its numbers finite; UnreadableError otherwise.

    name: the file's, for the message. The caller bounds the size of `data`, and so the values.
    """
    try:
        value = json.loads(data, parse_constant=_refuse_constant, parse_int=_bounded_int)
    except RecursionError:
        raise UnreadableError(f"{name}: is no JSON (too deep)") from None
    except ValueError as error:
        raise UnreadableError(f"{name}: is no JSON ({error})") from None
    if trouble := trouble_with(value, plain_children, len(data) + 1):
        raise UnreadableError(f"{name}: {trouble}")
    return value


def read_json(path: Path) -> object:
    """The value in a JSON file."""
    return load_json(read_bytes(path, JSON_BYTES), str(path))


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _bounded_int(digits: str) -> int:
    if len(digits) > DIGITS:
        raise ValueError(f"a number of {len(digits)} digits")
    return int(digits)
