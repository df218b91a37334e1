"""Films as GIF or MP4, for places that show no pages. Needs the extra [replays]."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np

from marl.errors import EnvError
from marl.replay.film import Film

Video = Literal["none", "gif", "mp4"]

PIXELS = 448  # of the longer side
FRAMES_PER_SECOND = 16  # loops of the game in real time; a GIF shows every other one
MARGIN = 2.0  # grid units around all that lives
BACKGROUND, WALL, TEXT = (28, 35, 45), (12, 15, 20), (220, 226, 234)
TEAMS = ((59, 130, 246), (239, 95, 60))
SHOTS = ((125, 211, 252), (253, 186, 116))
SHIELD, BAR = (56, 189, 248), (8, 10, 14)
SHOT_LOOPS = 3


def save_video(film: Film, path: Path) -> None:
    """Write the film as path's extension says, .gif or .mp4."""
    try:
        from PIL import Image, ImageDraw
    except ImportError:
        raise EnvError("videos need pillow: pip install marl-starcraft[replays]") from None
    if path.suffix == ".mp4":
        pictures = _pictures(film, Image, ImageDraw, every=1)
        _save_mp4(pictures, path)
        return
    first, *rest = [
        picture.quantize(64) for picture in _pictures(film, Image, ImageDraw, every=2)
    ] or [Image.new("P", (PIXELS, PIXELS))]
    duration = 1000 * 2 // FRAMES_PER_SECOND
    first.save(path, save_all=True, append_images=rest, duration=duration, loop=0)


def _save_mp4(pictures: Iterator[Any], path: Path) -> None:
    try:
        import imageio_ffmpeg
    except ImportError:
        raise EnvError("MP4 needs imageio-ffmpeg: pip install marl-starcraft[replays]") from None
    writer = None
    for picture in pictures:
        if writer is None:
            writer = imageio_ffmpeg.write_frames(str(path), picture.size, fps=FRAMES_PER_SECOND)
            writer.send(None)
        writer.send(np.asarray(picture).tobytes())
    if writer is not None:
        writer.close()


class _Window:
    """From grid units to pixels: all places where units ever are."""

    def __init__(self, film: Film) -> None:
        alive = film.columns["health"] > 0
        x, y = film.values("x")[alive], film.values("y")[alive]
        height, width = film.terrain.shape
        west, east = (float(x.min()), float(x.max())) if x.size else (0.0, float(width))
        south, north = (float(y.min()), float(y.max())) if y.size else (0.0, float(height))
        self.west, self.north = west - MARGIN, north + MARGIN
        wide, tall = east + MARGIN - self.west, self.north - south + MARGIN
        self.scale = PIXELS / max(wide, tall)
        # Even numbers, which video coders ask for.
        self.size = tuple(2 * max(8, round(v * self.scale / 2)) for v in (wide, tall))

    def at(self, x: float, y: float) -> tuple[float, float]:
        return (x - self.west) * self.scale, (self.north - y) * self.scale


def _pictures(film: Film, image: Any, image_draw: Any, every: int) -> Iterator[Any]:
    """The frames, `every` loops apart, as RGB images."""
    window = _Window(film)
    ground = image.new("RGB", window.size, BACKGROUND)
    pen = image_draw.Draw(ground)
    for y, x in np.argwhere(film.terrain == 0).tolist():
        pen.rectangle([window.at(x, y + 1), window.at(x + 1, y)], fill=WALL)
    values = {name: film.values(name) for name in ("x", "y", "health", "shield", "facing")}
    due = 0
    for t, loop in enumerate(film.loops.tolist()):
        if loop < due and t < len(film.loops) - 1:
            continue
        due = loop + every
        picture = ground.copy()
        _draw(film, values, t, window, image_draw.Draw(picture))
        yield picture


def _draw(film: Film, values: dict[str, Any], t: int, window: _Window, pen: Any) -> None:
    """One frame."""
    missile = film.columns["missile"][t]
    for i, kind_index in enumerate(film.kind.tolist()):
        side = int(film.side[i])
        if missile[i] >= 0:
            at = film.values("missile_x")[t, i], film.values("missile_y")[t, i]
            x, y = window.at(*at)
            pen.ellipse([x - 3, y - 3, x + 3, y + 3], fill=SHOTS[side])
        if values["health"][t, i] <= 0:
            continue
        kind = film.kinds[kind_index]
        x, y = window.at(values["x"][t, i], values["y"][t, i])
        size = max(kind.radius * window.scale, 4)
        pen.ellipse([x - size, y - size, x + size, y + size], fill=TEAMS[side])
        angle = values["facing"][t, i] * 2 * math.pi
        pen.line(
            [x, y, x + size * 1.2 * math.cos(angle), y - size * 1.2 * math.sin(angle)], TEXT, 2
        )
        _bar(pen, x, y - size - 5, size * 2, values["health"][t, i] / kind.health, (74, 222, 128))
        if kind.shield:
            _bar(pen, x, y - size - 9, size * 2, values["shield"][t, i] / kind.shield, SHIELD)
    for before in range(max(0, t - SHOT_LOOPS + 1), t + 1):
        shots = film.columns["shot"][before]
        for i in np.flatnonzero((shots >= 0) & (film.columns["missile"][before] < 0)).tolist():
            ends = [(values["x"][before, k], values["y"][before, k]) for k in (i, int(shots[i]))]
            pen.line([window.at(*end) for end in ends], SHOTS[film.side[i]], 2)
    pen.text((6, 4), f"{film.map_name}  {film.loops[t] / 16.0:.1f} s", fill=TEXT)


def _bar(pen: Any, x: float, y: float, width: float, share: float, colour: Any) -> None:
    left = x - width / 2
    pen.rectangle([left, y, left + width, y + 3], fill=BAR)
    if share > 0:
        pen.rectangle([left, y, left + width * min(share, 1.0), y + 3], fill=colour)
