"""How lines look: told apart by colour, by dashes and by marks, so that prints in grey read too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

# Okabe & Ito, "Color Universal Design" (2008), without the yellow that white paper swallows.
COLOURS = ("#D55E00", "#0072B2", "#009E73", "#000000", "#CC79A7", "#56B4E9", "#E69F00")
DASHES: tuple[object, ...] = (
    "-",
    (0, (5, 1.5)),
    (0, (1.2, 1.2)),
    (0, (5, 1.5, 1.2, 1.5)),
    (0, (8, 2, 2, 2)),
)
MARKS = ("o", "s", "^", "D", "v", "P", "X", "*")
# The same look in every figure; other labels take the places that are free, in order.
KNOWN = ("lagma", "qmix", "vdn", "iql", "mappo", "ippo")

RC = {
    "font.size": 8,
    "axes.titlesize": 9,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.linewidth": 0.4,
    "grid.alpha": 0.4,
    "lines.linewidth": 1.4,
    "lines.markersize": 4,
    "legend.frameon": False,
    "legend.handlelength": 3.2,  # shows the dashes
    "pdf.fonttype": 42,  # letters stay letters: journals refuse outlines of type 3
    "text.parse_math": False,  # a label is text, whatever signs it has
    "savefig.dpi": 200,
}


@dataclass(frozen=True)
class Look:
    """Of one line, in every panel."""

    colour: str
    dashes: object
    mark: str


def looks(labels: Sequence[str]) -> dict[str, Look]:
    """The look of each label; no two share colour and dashes before the 36th."""
    places = {label: KNOWN.index(label) for label in labels if label in KNOWN}
    free = (place for place in count() if place not in places.values())
    return {label: _look(places[label] if label in places else next(free)) for label in labels}


def _look(place: int) -> Look:
    turn = place // len(COLOURS)
    return Look(
        COLOURS[place % len(COLOURS)],
        DASHES[(place + turn) % len(DASHES)],
        MARKS[place % len(MARKS)],
    )
