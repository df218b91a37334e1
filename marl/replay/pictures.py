"""Videos of environments that draw themselves. Needs the extra [replays]."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marl.errors import EnvError
from marl.replay.video import FAST_OCTREE, MAX_PICTURES, open_mp4

COLOURS = 128  # of a GIF's picture
FASTEST = 25.0  # pictures of a GIF in a second; browsers slow faster ones down


class Pictures:
    """One episode's pictures and the file that they become, path's extension .gif or .mp4.

    per_second: pictures that come in a second of the environment's own time; at_most: how many
    will come. A GIF leaves some out where it would be too fast or too long.
    """

    def __init__(self, path: Path, per_second: float, at_most: int) -> None:
        try:
            from PIL import Image
        except ImportError:
            raise EnvError("videos need pillow: pip install marl-starcraft[replays]") from None
        self.path, self._image, self._per_second = path, Image, per_second
        self._is_gif = path.suffix == ".gif"
        self.every = 1
        if self._is_gif:
            self.every = max(math.ceil(at_most / MAX_PICTURES), math.ceil(per_second / FASTEST))
        self._seen = 0
        self._kept: list[Any] = []  # of a GIF
        self._mp4: Any = None

    def add(self, pixels: NDArray[np.uint8]) -> None:
        """pixels: [height,width,3]; an odd last row or column is left out, as MP4 needs it."""
        height, width = (2 * (size // 2) for size in pixels.shape[:2])
        pixels = np.ascontiguousarray(pixels[:height, :width])
        if not self._is_gif:
            self._mp4 = self._mp4 or open_mp4(self.path, (width, height), self._per_second)
            self._mp4.send(pixels.tobytes())
        elif self._seen % self.every == 0:
            self._kept.append(self._image.fromarray(pixels).quantize(COLOURS, FAST_OCTREE))
        self._seen += 1

    def save(self) -> None:
        """Finish the file."""
        if self._mp4 is not None:
            self._mp4.close()
        elif self._kept:
            first, *rest = self._kept
            duration = round(1000 * self.every / self._per_second)  # milliseconds
            first.save(self.path, save_all=True, append_images=rest, duration=duration, loop=0)
