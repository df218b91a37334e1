"""The bytes of a regular file, up to a bound."""

from __future__ import annotations

import os
import stat
from io import BufferedReader
from pathlib import Path

from marl.errors import UnreadableError
from marl.untrusted.bounds import FOLDER_ENTRIES, MIB


def open_regular(path: Path) -> BufferedReader:
    """The file opened to be read; UnreadableError where it is a pipe, a device or a folder.

    OSError as `open` where it is not there, or may not be read.
    """
    # Without O_NONBLOCK the call would wait for a pipe's other end.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise UnreadableError(f"{path}: is no regular file")
    return open(descriptor, "rb")


def read_bytes(path: Path, most: int) -> bytes:
    """The file's content; UnreadableError beyond `most` bytes."""
    with open_regular(path) as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise UnreadableError(f"{path}: has more than {most / MIB:g} MiB, too many for its kind")
    return content


def read_text(path: Path, most: int) -> str:
    """The file's content as UTF-8."""
    try:
        return read_bytes(path, most).decode("utf-8")
    except UnicodeDecodeError as error:
        raise UnreadableError(f"{path}: is no UTF-8 text ({error.reason})") from None


def refuse_ways_out(folder: Path) -> None:
    """UnreadableError for a link below the folder that leads out of it, for a pipe and a device.

    What is written into a run's folder would be written elsewhere, or would wait for ever.
    """
    root, count = folder.resolve(), 0
    for place, folders, files in os.walk(folder):
        for name in [*folders, *files]:
            path = Path(place) / name
            mode = path.lstat().st_mode
            if stat.S_ISLNK(mode):
                if not Path(os.path.realpath(path)).is_relative_to(root):
                    raise UnreadableError(
                        f"{path}: is a link out of the run's folder, so that what is written there "
                        "would be written elsewhere; replace it by what it points to"
                    )
            elif not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
                raise UnreadableError(f"{path}: is neither a file nor a folder; remove it")
        count += len(folders) + len(files)
        if count > FOLDER_ENTRIES:
            raise UnreadableError(f"{folder}: holds more than {FOLDER_ENTRIES:,} files")
