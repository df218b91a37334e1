"""A figure's end: legend and caption below it, and its two files. Needs the extra [plots]."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

LETTERS = 15  # of a caption, in an inch
NO_DATES: dict[str, dict[str, Any]] = {"png": {}, "pdf": {"CreationDate": None}}


def finish(figure: Figure, stem: Path, handles: Sequence[Any], caption: Sequence[str]) -> None:
    """Put legend and caption below, and write <stem>.png and <stem>.pdf."""
    width = int(figure.get_figwidth() * LETTERS)
    longest = max((len(handle.get_label()) for handle in handles), default=0)
    columns = max(1, min(len(handles), width // (longest + 8)))
    text = "\n".join(textwrap.fill(line, width) for line in caption)
    figure.legend(handles=handles, loc="outside lower center", ncols=columns, title=text or None)
    for kind, metadata in NO_DATES.items():
        figure.savefig(stem.with_suffix(f".{kind}"), metadata=metadata)
