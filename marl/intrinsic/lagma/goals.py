"""The goal trajectories of all codes, as battles keep them and follow them."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from marl.batch import EpisodeBatch
from marl.intrinsic.lagma.arrays import restore, saved
from marl.intrinsic.lagma.explain import references
from marl.intrinsic.lagma.options import LagmaOptions
from marl.intrinsic.lagma.trajectories import WalkRules, check_lists, empty_lists, walk
from marl.protocols.loop import State


class GoalTrajectories:
    """D_tau of each code, and the random numbers that references are drawn with."""

    def __init__(self, n_codes: int, config: LagmaOptions, seed: int) -> None:
        self.lists = empty_lists(n_codes, config.k)
        self.rules = WalkRules(
            interval=config.resample_interval,
            pay_on_resample=config.pay_on_resample,
            softmax=config.sampling == "softmax",
            dedup=config.dedup,
            in_order=config.in_order,
        )
        self.config = config
        self.rng = torch.Generator().manual_seed(seed)

    def follow(
        self,
        batch: EpisodeBatch,
        used: Tensor,
        codes: NDArray[np.int64],
        priorities: NDArray[np.float64],
    ) -> NDArray[np.bool_]:
        """Keep and draw trajectories; which steps follow one that was drawn, [B,T].

        used, codes, priorities: [B,T+1].
        """
        config = self.config
        slots = used.sum(1).cpu().numpy()
        starts = slots if config.final_slot else slots - 1
        if config.goal_only:
            starts = np.where(batch["won"].cpu().numpy(), starts, 0)
        size = (batch.size, self._draws(codes))
        uniforms = torch.rand(size, generator=self.rng, dtype=torch.float64).numpy()
        episodes = batch.episode.cpu().numpy()
        return walk(self.lists, self.rules, codes, priorities, slots, starts, episodes, uniforms)

    def would_follow(
        self, batch: EpisodeBatch, codes: NDArray[np.int64]
    ) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
        """Steps that follow a reference, [B,T], and the numbers it was drawn with, [B,draws].

        Nothing is kept, and the numbers are not the training's. codes: [B,T+1].
        """
        uniforms = np.random.default_rng(0).random((batch.size, self._draws(codes)))
        slots = batch.slots_filled.sum(1).cpu().numpy()
        none, nothing = np.zeros(batch.size, dtype=np.int64), np.zeros(codes.shape)
        follows = walk(self.lists, self.rules, codes, nothing, slots, none, none, uniforms)
        return follows, uniforms

    def _draws(self, codes: NDArray[np.int64]) -> int:
        """References that are drawn in an episode of these slots."""
        return -(-codes.shape[1] // self.rules.interval)

    def explain(
        self, codes: NDArray[np.int64], uniforms: NDArray[np.float64]
    ) -> dict[str, NDArray]:
        """The references of one episode: those of marl/intrinsic/lagma/explain.py.

        codes [T+1]; uniforms [draws], as `would_follow` gave them.
        """
        return references(self.lists, self.rules, codes, uniforms)

    def state_dict(self) -> State:
        return {"lists": saved(self.lists._asdict()), "rng": self.rng.get_state()}

    def load_state_dict(self, state: State) -> None:
        restore(self.lists._asdict(), state["lists"])
        check_lists(self.lists)
        self.rng.set_state(state["rng"].cpu())
