"""Prioritised replay: what was learnt worst is drawn most often.

    P(i) = p_i / sum of all p,   p_i = (|error_i| + eps)^alpha,   of new experience the largest yet
    weight_i = (N P(i))^-beta / max over the sample,              beta rises to 1

Schaul et al. 2016, arXiv:1511.05952, the proportional variant: one draw from each of B equal parts
of the sum. An item is a stored step, drawn as the first of a slice, or a whole row. |error_i| is
the mean over its real steps and learnt values. Learners weigh their losses by `weight`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from marl.batch import Column, EpisodeBatch, Layout
from marl.buffers.samplers import EpisodeSamplerConfig, SliceSamplerConfig
from marl.buffers.sum_tree import Floats, Integers, SumTree
from marl.config.schema import option
from marl.protocols.experience import BATCH, WEIGHT, Buffer, Samples
from marl.protocols.loop import State
from marl.spec import EnvSpec

DRAWN = "drawn"  # of a sample: the items' numbers since the first ever added, [B]
EXTRAS = (
    Column(WEIGHT, "episode", (), torch.float32),
    Column(DRAWN, "episode", (), torch.int64),
)
FEWEST = 1024  # numbers that a tree begins with


@dataclass(frozen=True)
class PrioritisedSamplerConfig:
    """Slices of episodes or whole ones, drawn by how wrong the learner was about them."""

    kind: ClassVar[str] = "prioritised"
    batch_size: int = option(32, low=1)  # slices or episodes
    of: Literal["slices", "episodes"] = "slices"
    length: int = option(1, low=1)  # steps of a slice; 1 = transitions
    start: int = option(0, low=0)  # steps that must be stored before the first update
    alpha: float = option(0.6, low=0.0)  # 0: all alike
    beta: float = option(0.4, low=0.0, high=1.0)  # of the weights at first; 1: no bias is left
    anneal: int = option(100_000, low=1)  # updates until beta is 1
    eps: float = option(0.000001, above=0.0)  # added to each error

    def __post_init__(self) -> None:
        if self.of == "episodes" and self.length > 1:
            raise ValueError("length: whole episodes have their own; leave it at 1")

    @property
    def whole_episodes(self) -> bool:
        """Whether a sample holds those alone."""
        return self.of == "episodes"

    @property
    def single_steps(self) -> bool:
        """Whether a sample holds nothing but transitions."""
        return self.of == "slices" and self.length == 1

    @property
    def uniform(self) -> EpisodeSamplerConfig | SliceSamplerConfig:
        """The sampler that draws the same items, each as often as any other."""
        if self.of == "episodes":
            return EpisodeSamplerConfig(self.batch_size, self.start)
        return SliceSamplerConfig(self.batch_size, self.length, self.start)

    @property
    def episodes_needed(self) -> int:
        """Episodes that must be stored before the first update."""
        return self.uniform.episodes_needed

    @property
    def steps_needed(self) -> int:
        """Steps that must be stored before the first update."""
        return self.uniform.steps_needed

    def check(self, spec: EnvSpec, whole: bool, kinds: str) -> None:
        """ConfigError where rows may be too short. whole: they are episodes; kinds: who says so."""
        self.uniform.check(spec, whole, kinds)

    def build(self, spec: EnvSpec) -> Prioritised:
        return Prioritised(self)


class Prioritised:
    """Draws items by their priorities, which a learner's errors renew.

    An item's place in the tree is its number since the first ever added, modulo the tree's size, so
    nothing moves when the buffer drops its oldest rows.
    """

    columns: tuple[Column, ...] = ()

    def __init__(self, config: PrioritisedSamplerConfig) -> None:
        self.config = config
        self.tree = SumTree(FEWEST)
        self.first = self.end = 0  # numbers of the oldest item that is held, and of the next one
        self.shift = 0  # place of the item with the number 0
        self.largest = 1.0  # priority of new items
        self.draws = 0  # samples drawn
        self.layout: Layout | None = None  # of samples

    @property
    def beta(self) -> float:
        """How far the weights make up for the priorities by now."""
        left = max(0.0, 1.0 - self.draws / self.config.anneal)
        return 1.0 - (1.0 - self.config.beta) * left

    def ready(self, buffer: Buffer) -> bool:
        """Whether it can draw; sees what was added and what went."""
        self._follow(buffer)
        config = self.config
        enough = buffer.steps >= max(config.steps_needed, 1)
        return enough and len(buffer) >= config.episodes_needed

    def sample(self, buffer: Buffer, rng: torch.Generator) -> Samples:
        """[B,T,...] with the columns `weight` [B] and `drawn` [B]."""
        self._follow(buffer)
        held, size = self.end - self.first, self.config.batch_size
        if not held:
            raise ValueError("asked for a sample of an empty replay; wait for a first episode")
        parts = torch.rand(size, generator=rng, dtype=torch.float64) + torch.arange(size)
        places = self.tree.find((parts * (self.tree.total / size)).numpy())
        chances = self.tree.get(places) / self.tree.total
        weights = (held * chances) ** -self.beta
        picks = torch.from_numpy((places - self._place(self.first)) % self.tree.size)
        if self.config.of == "episodes":
            batch = buffer.episodes(picks)
        else:
            batch = buffer.slices(*buffer.locate(picks), self.config.length)
        self.draws += 1
        if self.layout is None:
            self.layout = batch.layout.with_columns(EXTRAS)
        weight = torch.from_numpy(weights / weights.max()).float()
        extras = {WEIGHT: weight, DRAWN: picks + self.first}
        return {BATCH: EpisodeBatch(self.layout, {**batch.columns, **extras})}

    def learnt(self, samples: Samples, errors: Tensor) -> None:
        """Renew the priorities of a sample's items by their errors, [B], none negative."""
        numbers = samples[BATCH][DRAWN].numpy()
        there = numbers >= self.first
        found = errors.detach().cpu().double().numpy()
        priorities = (found[there] + self.config.eps) ** self.config.alpha
        self.tree.put(self._places(numbers[there]), priorities)
        self.largest = max(self.largest, float(priorities.max(initial=0.0)))

    def _follow(self, buffer: Buffer) -> None:
        """Give what was added the largest priority, and what went none."""
        whole = self.config.of == "episodes"
        first = buffer.rows_gone if whole else buffer.steps_gone
        end = first + (len(buffer) if whole else buffer.steps)
        if first > self.first:
            gone = min(first, self.end) - self.first
            self.tree.fill(self._place(self.first), gone, 0.0)
            self.first = first
        if end > self.end:
            added = max(self.end, first)
            if end - first > self.tree.size:
                self._grow(end - first, added)
            self.tree.fill(self._place(added), end - added, self.largest)
            self.end = end

    def _grow(self, held: int, end: int) -> None:
        """Make room for `held` items. end: of those that have a priority."""
        numbers = np.arange(self.first, end)
        priorities = self.tree.get(self._places(numbers))
        self.tree = SumTree(held)  # a power of two: half as many again on the average
        self.tree.put(self._places(numbers), priorities)

    def _place(self, number: int) -> int:
        return (number + self.shift) % self.tree.size

    def _places(self, numbers: Integers) -> Integers:
        return (numbers + self.shift) % self.tree.size

    @property
    def priorities(self) -> Floats:
        """Of all items that are held, the oldest first."""
        return self.tree.get(self._places(np.arange(self.first, self.end)))

    def state_dict(self) -> State:
        return {
            "priorities": torch.from_numpy(self.priorities),
            "largest": self.largest,
            "draws": self.draws,
            "place": self._place(self.first),
            "size": self.tree.size,
        }

    def load_state_dict(self, state: State, buffer: Buffer) -> None:
        """Go on with a buffer that holds what it held then, or the newest of that."""
        whole = self.config.of == "episodes"
        held = len(buffer) if whole else buffer.steps
        saved = state["priorities"].numpy()
        dropped = len(saved) - held
        if dropped < 0 or len(saved) > state["size"]:
            raise ValueError(f"{len(saved)} priorities, and the replay holds {held} items")
        if not (np.isfinite(saved).all() and (saved >= 0.0).all()):
            raise ValueError("priorities that are no numbers from 0 on")
        self.tree = SumTree(state["size"])
        self.first = buffer.rows_gone if whole else buffer.steps_gone
        self.end = self.first + held
        # At the same places as before: sums are rounded, and marks fall, as they did.
        self.shift = state["place"] + dropped - self.first
        self.tree.put(self._places(np.arange(self.first, self.end)), saved[dropped:])
        self.largest, self.draws = state["largest"], state["draws"]
