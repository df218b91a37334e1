"""Codebooks and the states that they divide, on the plane on which the states lie widest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

import numpy as np
import torch
from numpy.typing import NDArray

from marl.plots.codebook.learnt import Learnt
from marl.plots.statistics import Array
from marl.protocols.quantizing import StateQuantizer
from marl.quantizers.alone import train_alone
from marl.quantizers.coverage import Coverage
from marl.quantizers.plane import main_plane
from marl.quantizers.usage import perplexity, shares
from marl.run.battles import Battles

SHOWN = 4000  # states drawn: more hide one another


@dataclass(frozen=True, eq=False)
class Picture:
    """One codebook. The plane is that of the states' encodings by its own encoder."""

    name: str  # the coverage of its training
    states: Array  # [N,2], places of the states' encodings
    codes: Array  # [K,2], places of the codes
    chosen: NDArray[np.int64]  # [N], the code of each state
    share: Array  # [K], of the states that chose each code
    in_effect: float  # codes, exp of the entropy of the shares
    along: tuple[float, float]  # shares of the encodings' variance along the two axes

    @property
    def used(self) -> NDArray[np.bool_]:
        """[K], codes that a state chose."""
        used: NDArray[np.bool_] = self.share > 0
        return used


@torch.no_grad()
def picture_of(name: str, quantizer: StateQuantizer, battles: Battles) -> Picture:
    """The picture of a codebook and the battles' states."""
    encoded = quantizer.place(battles.states)  # [N,D]
    chosen = quantizer.encode(battles.states)  # [N]
    share = shares(chosen, quantizer.n_codes)  # [K]
    plane = main_plane(encoded)
    states = plane.project(encoded).numpy()  # [N,2]
    codes = plane.project(quantizer.vectors()).numpy()  # [K,2]
    turn = _later_is_right_and_up(states, battles.slot.numpy())
    first, second = plane.shares.tolist()
    return Picture(
        name,
        states * turn,
        codes * turn,
        chosen.numpy(),
        share.double().numpy(),
        float(perplexity(share)),
        (first, second),
    )


def _later_is_right_and_up(states: Array, slot: NDArray[np.int64]) -> Array:
    """[2], 1 or -1: the direction of each axis in which the battles' time goes."""
    along = (states * (slot - slot.mean())[:, None]).sum(0)  # [2]
    return np.where(along < 0, -1.0, 1.0)


def coverages_of(learnt: Learnt, battles: Battles, updates: int) -> list[Picture]:
    """Codebooks of the run's settings trained alone on the battles, one for each coverage.

    Where no loss moves the codes: one, without. All begin with the same weights and see the same
    batches, of the run's own size.
    """
    unmoved = learnt.config.codebook.unmoved
    coverages: tuple[Coverage, ...] = ("none",) if unmoved else get_args(Coverage)
    return [
        picture_of(coverage, _trained(coverage, learnt, battles, updates), battles)
        for coverage in coverages
    ]


def _trained(coverage: Coverage, learnt: Learnt, battles: Battles, updates: int) -> StateQuantizer:
    book, spec = learnt.config.codebook, learnt.policy.spec
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(learnt.seed)
        limit = spec.episode_limit + 1
        learner = book.build(spec.state_dim, coverage, limit, torch.device("cpu"), learnt.seed)
    size: int = learnt.policy.plan.recipe.sampler.batch_size
    rng = torch.Generator().manual_seed(learnt.seed)
    train_alone(learner, battles.states, battles.slot, battles.battle, updates, size, rng)
    return learner.quantizer


def shown(count: int) -> NDArray[np.int64]:
    """Which of `count` states are drawn, in random order, always the same: at most SHOWN."""
    return np.random.default_rng(0).permutation(count)[:SHOWN]
