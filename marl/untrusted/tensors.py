"""What torch.save wrote of tensors, numbers, strings, and dicts, lists and tuples of them.

A file of that format is a zip archive: a pickle `<name>/data.pkl`, and the bytes of each storage
beside it. It is read without torch.load and without pickle: the few operations that such a pickle
needs are carried out by pickled.py, on values of the kinds above alone. So nothing is run, and
nothing is larger than the file: archives are not compressed, a storage has the bytes that lie
there, a tensor lies within its storage and repeats none of it.
"""

from __future__ import annotations

import io
import mmap
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from marl.errors import UnreadableError, one_line
from marl.untrusted.bounds import MIB, PICKLE_BYTES, PICKLE_VALUES
from marl.untrusted.files import open_regular
from marl.untrusted.nested import plain_children, trouble_with
from marl.untrusted.pickled import DTYPES, DamagedError, Global, Machine

LOCAL_HEADER = struct.Struct("<26xHH")  # of a member; lengths of its name and of what follows it
ALIGNED = 64  # bytes; where torch.save begins a storage
MAPPED = MIB  # bytes; a storage as large is not read but mapped


def load_tensors(path: Path) -> Any:
    """The value in a file of torch.save, its tensors on the CPU.

    UnreadableError where it is damaged, holds anything else, or more than its bounds.
    """
    with open_regular(path) as file:
        try:
            with zipfile.ZipFile(file) as archive:
                return _Archive(archive).value()
        except (zipfile.BadZipFile, EOFError, ValueError, NotImplementedError) as error:
            reason = one_line(error)
            raise UnreadableError(
                f"{path}: holds more than tensors, numbers and strings, or is damaged: {reason}"
            ) from None
        except (OSError, OverflowError, RuntimeError, struct.error, zlib.error) as error:
            raise UnreadableError(f"{path}: is damaged ({one_line(error)})") from None


class _Archive:
    """The members of a file of torch.save."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self.archive = archive
        self.members = {info.filename: info for info in archive.infolist()}
        size = archive.fp.seek(0, io.SEEK_END) if archive.fp is not None else 0
        infos = archive.infolist()
        if len(self.members) != len(infos):
            raise DamagedError("a member stands in it twice")
        if any(i.compress_type != zipfile.ZIP_STORED or i.flag_bits & 1 for i in infos):
            raise DamagedError("it is compressed or encrypted")
        if (
            any(i.file_size != i.compress_size for i in infos)
            or sum(i.file_size for i in infos) > size
        ):
            raise DamagedError("its members are larger than the file")
        (self.name,) = [name for name in self.members if name.endswith("/data.pkl")] or [""]
        self.folder = self.name.removesuffix("data.pkl")
        self.storages: dict[str, Tensor] = {}

    def value(self) -> object:
        """The pickled value."""
        if self.members[self.name].file_size > PICKLE_BYTES if self.name else True:
            raise DamagedError("it has no data.pkl, or one that is too large")
        if self.read(f"{self.folder}byteorder", b"little") != b"little":
            raise DamagedError("its bytes are in another order")
        value = Machine(self.tensor_of).run(self.archive.read(self.name))
        if trouble := trouble_with(value, plain_children, PICKLE_VALUES):
            raise DamagedError(trouble)
        return value

    def read(self, name: str, default: bytes) -> bytes:
        """A small member's bytes."""
        return self.archive.read(name)[:64] if name in self.members else default

    def tensor_of(self, identity: object) -> Tensor:
        """The storage that a persistent id names, as a tensor of one axis."""
        match identity:
            case ("storage", Global(kind), str(key), str(), int(count)) if kind in DTYPES:
                if key not in self.storages:
                    self.storages[key] = self._storage(key, DTYPES[kind])
                storage = self.storages[key]
                if storage.dtype == DTYPES[kind] and len(storage) == count:
                    return storage
        raise DamagedError("a storage is not as its file")

    def _storage(self, key: str, dtype: torch.dtype) -> Tensor:
        info = self.members.get(f"{self.folder}data/{key}")
        if info is None or info.file_size % dtype.itemsize:
            raise DamagedError(f"storage {key[:40]!r} is missing or cut off")
        if info.file_size == 0:
            return torch.empty(0, dtype=dtype)
        content = self._mapped(info) if info.file_size >= MAPPED else self._copied(info)
        return torch.frombuffer(content, dtype=dtype)

    def _copied(self, info: zipfile.ZipInfo) -> bytearray:
        content, at = bytearray(info.file_size), 0
        with self.archive.open(info) as member:
            while part := member.read(MIB):
                content[at : at + len(part)] = part
                at += len(part)
        if at != info.file_size or len(content) != at:
            raise DamagedError(f"{info.filename[:40]!r} is cut off")
        return content

    def _mapped(self, info: zipfile.ZipInfo) -> memoryview:
        """A member where it lies: whoever holds a replay copies it, and there is room for one."""
        file = self.archive.fp
        assert file is not None
        file.seek(info.header_offset)
        names, extra = LOCAL_HEADER.unpack(file.read(LOCAL_HEADER.size))
        begin = info.header_offset + LOCAL_HEADER.size + names + extra
        if begin % ALIGNED or begin + info.file_size > file.seek(0, io.SEEK_END):
            raise DamagedError(f"{info.filename[:40]!r} is not where it should be")
        page = begin - begin % mmap.ALLOCATIONGRANULARITY
        size = begin - page + info.file_size
        memory = mmap.mmap(file.fileno(), size, access=mmap.ACCESS_COPY, offset=page)
        content = memoryview(memory)[begin - page :]
        if zlib.crc32(content) != info.CRC:
            raise DamagedError(f"{info.filename[:40]!r} is damaged: its checksum differs")
        return content
