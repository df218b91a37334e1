"""Pages of films and traces: python -m marl.replay FILE...

Each page is written beside its file; --gif and --mp4 make videos too. Traces must be of these
rules.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from marl.errors import UserError, one_line
from marl.replay import film, trace
from marl.replay.container import ReplayError, is_kind, read_replay
from marl.replay.film import Film
from marl.replay.page import page
from marl.replay.trace import Trace, film_of
from marl.replay.video import save_video


def open_film(path: Path) -> Film:
    """The film in a file, or that of the trace in it."""
    data = read_replay(path)
    if is_kind(trace.MAGIC, data):
        return film_of(Trace.from_bytes(data, str(path)))
    if is_kind(film.MAGIC, data):
        return Film.from_bytes(data, str(path))
    raise ReplayError(
        f"{path}: is neither a film ({film.EXTENSION}) nor a trace ({trace.EXTENSION})"
    )


def main(arguments: list[str]) -> int:
    """0: done; 2: a file can't be shown, for the reason printed."""
    parser = argparse.ArgumentParser("python -m marl.replay", description=__doc__)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--gif", action="store_true")
    parser.add_argument("--mp4", action="store_true")
    chosen = parser.parse_args(arguments)
    try:
        for path in chosen.files:
            opened = open_film(path)
            target = path.with_suffix(".html")
            target.write_text(page(opened), encoding="utf-8")
            print(target)
            for extension in [name for name in ("gif", "mp4") if getattr(chosen, name)]:
                save_video(opened, path.with_suffix(f".{extension}"))
                print(path.with_suffix(f".{extension}"))
    except UserError as error:
        print(f"error: {one_line(error)}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"error: {error.filename}: {error.strerror}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
