"""File format of films and traces: integer arrays and a JSON header, compressed and versioned.

    magic (8 bytes) | zlib( header length (uint32, little) | header (UTF-8 JSON) | arrays )

Each array is written as the differences along its first axis (time), one series after the other,
low bytes before high ones, so slow changes compress well. The header's `arrays` lists their names,
types and shapes. The last digit of the magic is the version. A file may come from a stranger:
everything in it is checked, nothing is run, and it unpacks to at most REPLAY_BYTES.
"""

from __future__ import annotations

import json
import math
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marl.errors import UnreadableError
from marl.untrusted.bounds import (
    ARRAY_BYTES,
    MIB,
    REPLAY_ARRAYS,
    REPLAY_BYTES,
    REPLAY_FILE_BYTES,
    REPLAY_HEADER,
)
from marl.untrusted.files import read_bytes
from marl.untrusted.jsontext import load_json

MAX_AXES = 4
DTYPES = ("u1", "u2", "i2", "i4")
LENGTH = struct.Struct("<I")

Header = dict[str, Any]
Arrays = dict[str, NDArray[Any]]


class ReplayError(UnreadableError):
    """A film or a trace that is damaged, of another version, or no such file."""


def read_replay(path: Path) -> bytes:
    """The content of a film's or a trace's file."""
    return read_bytes(path, REPLAY_FILE_BYTES)


def is_kind(magic: bytes, data: bytes) -> bool:
    """Whether a file's content has this magic, in any version."""
    return len(data) >= len(magic) and data.startswith(magic[:-1])


def pack(magic: bytes, header: Mapping[str, object], arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """The file's content. header: JSON values; `arrays` is added to it."""
    table = [[name, array.dtype.str[1:], list(array.shape)] for name, array in arrays.items()]
    text = json.dumps({**header, "arrays": table}, separators=(",", ":"), allow_nan=False).encode()
    content = b"".join([LENGTH.pack(len(text)), text, *map(_series, arrays.values())])
    return magic + zlib.compress(content, 9)


def unpack(magic: bytes, data: bytes, what: str) -> tuple[Header, Arrays]:
    """The header and the arrays; ReplayError for a wrong file. what: its name in the message."""
    if not is_kind(magic, data):
        raise ReplayError(f"{what}: is not a file of this kind")
    if data[: len(magic)] != magic:
        found, needed = (chr(code[len(magic) - 1]) for code in (data, magic))
        raise ReplayError(
            f"{what}: has version {found!r} of its format; this program reads {needed!r}"
        )
    content = memoryview(_inflate(data[len(magic) :], what))
    if len(content) < LENGTH.size:
        raise ReplayError(f"{what}: is cut off")
    (length,) = LENGTH.unpack_from(content)
    start = LENGTH.size + length
    if length > REPLAY_HEADER or start > len(content):
        raise ReplayError(f"{what}: its header is longer than it may be")
    try:
        header = load_json(bytes(content[LENGTH.size : start]), "its header")
    except UnreadableError as error:
        raise ReplayError(f"{what}: {error}") from None
    if not isinstance(header, dict):
        raise ReplayError(f"{what}: its header is no mapping")
    return header, _arrays(header.pop("arrays", None), content[start:], what)


def _inflate(data: bytes, what: str) -> bytes:
    """The uncompressed content; at most REPLAY_BYTES."""
    stream = zlib.decompressobj()
    try:
        content = stream.decompress(data, REPLAY_BYTES)
    except zlib.error as error:
        raise ReplayError(f"{what}: is damaged ({error})") from None
    if stream.unconsumed_tail:
        raise ReplayError(f"{what}: holds more than {REPLAY_BYTES // MIB} MiB")
    if not stream.eof or stream.unused_data:
        raise ReplayError(f"{what}: is cut off, or has bytes after its end")
    return content


def _arrays(table: object, content: memoryview, what: str) -> Arrays:
    """The arrays of the header's table; they must fill `content`."""
    if not isinstance(table, list) or len(table) > REPLAY_ARRAYS:
        raise ReplayError(f"{what}: has no table of arrays")
    arrays: Arrays = {}
    at = 0
    for entry in table:
        name, dtype, shape = _entry(entry, what)
        size = math.prod(shape) * np.dtype(dtype).itemsize
        if size > ARRAY_BYTES:
            raise ReplayError(f"{what}: its {name[:40]!r} has more than {ARRAY_BYTES // MIB} MiB")
        if size > len(content) - at:
            raise ReplayError(f"{what}: is shorter than its header says")
        if name in arrays:
            raise ReplayError(f"{what}: has two arrays named {name!r}")
        arrays[name] = _from_series(content[at : at + size], dtype, shape)
        at += size
    if at != len(content):
        raise ReplayError(f"{what}: is longer than its header says")
    return arrays


def _entry(entry: object, what: str) -> tuple[str, np.dtype, tuple[int, ...]]:
    """One row of the table, checked."""
    if isinstance(entry, list) and len(entry) == 3:
        name, dtype, shape = entry
        if isinstance(name, str) and dtype in DTYPES and isinstance(shape, list):
            sizes = [max(n, 1) for n in shape if type(n) is int and n >= 0]
            whole = len(sizes) == len(shape) and 1 <= len(shape) <= MAX_AXES
            if whole and math.prod(sizes) <= REPLAY_BYTES:
                return name, np.dtype("<" + dtype), tuple(shape)
    raise ReplayError(f"{what}: a row of its table of arrays is malformed")


def _series(array: NDArray[Any]) -> bytes:
    """An array [T,...] as differences along T, series by series, low bytes before high ones."""
    if array.dtype.str[1:] not in DTYPES:
        raise TypeError(f"arrays are of {DTYPES}, not {array.dtype}")
    if array.size == 0:
        return b""
    flat = np.ascontiguousarray(array.reshape(len(array), -1).T)  # [M,T]
    unsigned = flat.view(f"<u{array.itemsize}")
    steps = np.diff(unsigned, axis=1, prepend=np.zeros((len(flat), 1), unsigned.dtype))
    planes = steps.reshape(-1).view(np.uint8).reshape(-1, array.itemsize).T
    return np.ascontiguousarray(planes).tobytes()


def _from_series(data: memoryview, dtype: np.dtype, shape: tuple[int, ...]) -> NDArray[Any]:
    """The array that `_series` packed."""
    planes = np.frombuffer(data, np.uint8).reshape(dtype.itemsize, -1)
    steps = np.ascontiguousarray(planes.T).reshape(-1).view(f"<u{dtype.itemsize}")
    if steps.size == 0:
        return np.zeros(shape, dtype)
    flat = steps.reshape(-1, shape[0]).cumsum(axis=1, dtype=steps.dtype)  # wraps around
    return np.ascontiguousarray(flat.T).view(dtype).reshape(shape)
