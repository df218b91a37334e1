"""The video of a battle beside its page."""

from __future__ import annotations

from pathlib import Path

KINDS = ("gif", "mp4")


def video_of(page: Path) -> Path | None:
    """The video beside a battle's page; None without one."""
    made = (page.with_suffix(f".{kind}") for kind in KINDS)
    return next((path for path in made if path.is_file()), None)
