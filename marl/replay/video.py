"""Films as GIF or MP4. Needs the extra [replays]."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np

from marl.engine.ground.geometry import BLOCKED
from marl.engine.world import Floats
from marl.errors import EnvError
from marl.replay.film import Film

Video = Literal["none", "gif", "mp4"]

SIZE = (480, 352)  # pixels, multiples of 16 for video encoders
SMOOTH_FRAMES = 40  # the view is a mean over so many frames before and after
MIN_WIDTH = 12.0  # of the view, grid units
FRAMES_PER_SECOND = 16  # a game loop each, in real time; a GIF has every other one
MAX_PICTURES = 1200  # of a GIF, some 200 MiB; a longer film shows fewer loops
LONGEST = 60_000  # milliseconds of one picture
MARGIN = 1.5  # around the living units, grid units
BACKGROUND, LINES, WALL = (28, 35, 45), (36, 44, 56), (12, 15, 20)
TEXT = (220, 226, 234)
TEAMS = ((59, 130, 246), (239, 95, 60))
SHOTS = ((125, 211, 252), (253, 186, 116))
SHIELD, BAR = (56, 189, 248), (8, 10, 14)
SHOT_LOOPS = 3
FAST_OCTREE = 2  # pillow's method of choosing a GIF's colours


def save_video(film: Film, path: Path) -> None:
    """Write the film in the format of path's extension, .gif or .mp4."""
    try:
        from PIL import Image, ImageDraw
    except ImportError:
        raise EnvError("videos need pillow: pip install marl-starcraft[replays]") from None
    if path.suffix == ".mp4":
        pictures = _pictures(film, Image, ImageDraw, every=1)
        _save_mp4(pictures, path)
        return
    # All pictures of a GIF are in memory at once.
    last = int(film.loops[-1]) if len(film.loops) else 0
    every = max(2, math.ceil(last / MAX_PICTURES))  # loops
    first, *rest = [
        picture.quantize(32, FAST_OCTREE) for picture in _pictures(film, Image, ImageDraw, every)
    ] or [Image.new("P", SIZE)]
    duration = min(1000 * every // FRAMES_PER_SECOND, LONGEST)
    first.save(path, save_all=True, append_images=rest, duration=duration, loop=0)


def _save_mp4(pictures: Iterator[Any], path: Path) -> None:
    writer = None
    for picture in pictures:
        if writer is None:
            writer = open_mp4(path, picture.size, FRAMES_PER_SECOND)
        writer.send(np.asarray(picture).tobytes())
    if writer is not None:
        writer.close()


def open_mp4(path: Path, size: tuple[int, int], per_second: float) -> Any:
    """What takes pictures by `send`, each the bytes of an RGB image, and is closed in the end."""
    try:
        import imageio_ffmpeg
    except ImportError:
        raise EnvError("MP4 needs imageio-ffmpeg: pip install marl-starcraft[replays]") from None
    writer = imageio_ffmpeg.write_frames(str(path), size, fps=per_second, macro_block_size=2)
    writer.send(None)
    return writer


class _Window:
    """The part of the ground in a picture, and its conversion from grid units to pixels."""

    def __init__(self, box: Floats) -> None:
        """box: west, east, south, north."""
        west, east, south, north = box.tolist()
        self.scale = min(SIZE[0] / (east - west), SIZE[1] / (north - south))
        self.west = (west + east - SIZE[0] / self.scale) / 2
        self.north = (south + north + SIZE[1] / self.scale) / 2

    def at(self, x: float, y: float) -> tuple[float, float]:
        return (x - self.west) * self.scale, (self.north - y) * self.scale


def _boxes(film: Film) -> Floats:
    """The view of each frame, [T,4]: all living units, smoothed over time."""
    count, (height, width) = len(film.loops), film.terrain.shape
    boxes = np.tile([0.0, width, 0.0, height], (count, 1))
    alive = film.columns["health"] > 0
    x, y = film.values("x"), film.values("y")
    for t in range(count):
        if alive[t].any():
            ends = [(v[t, alive[t]].min(), v[t, alive[t]].max()) for v in (x, y)]
            boxes[t] = [end for pair in ends for end in pair]
        elif t:
            boxes[t] = boxes[t - 1]
    reach = min(SMOOTH_FRAMES, count // 2)
    padded = np.pad(boxes, ((reach + 1, reach), (0, 0)), mode="edge").cumsum(0)
    smooth = (padded[2 * reach + 1 :] - padded[: -2 * reach - 1]) / (2 * reach + 1)
    low, high = np.minimum(boxes, smooth)[:, ::2], np.maximum(boxes, smooth)[:, 1::2]  # [T,2]
    lack = np.maximum(MIN_WIDTH - (high - low), 2 * MARGIN) / 2
    return np.stack([low - lack, high + lack], axis=2).reshape(count, 4)


def _pictures(film: Film, image: Any, image_draw: Any, every: int) -> Iterator[Any]:
    """The frames, `every` loops apart, as RGB images."""
    boxes = _boxes(film)
    values = {name: film.values(name) for name in ("x", "y", "health", "shield", "facing")}
    due = 0
    for t, loop in enumerate(film.loops.tolist()):
        if loop < due and t < len(film.loops) - 1:
            continue
        due = loop + every
        picture = image.new("RGB", SIZE, BACKGROUND)
        pen, window = image_draw.Draw(picture), _Window(boxes[t])
        _draw_ground(film, window, pen)
        _draw(film, values, t, window, pen)
        yield picture


def _draw_ground(film: Film, window: _Window, pen: Any) -> None:
    """Draw lines two grid units apart, and the walls."""
    height, width = film.terrain.shape
    for x in range(0, width + 1, 2):
        pen.line([window.at(x, 0), window.at(x, height)], fill=LINES)
    for y in range(0, height + 1, 2):
        pen.line([window.at(0, y), window.at(width, y)], fill=LINES)
    for y, x in np.argwhere(film.terrain == BLOCKED).tolist():
        pen.rectangle([window.at(x, y + 1), window.at(x + 1, y)], fill=WALL)


def _draw(film: Film, values: dict[str, Any], t: int, window: _Window, pen: Any) -> None:
    """Draw one frame's units and shots."""
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
