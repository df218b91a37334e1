"""The seams: what each kind of part promises to the others.

`tests/contracts/` checks every implementation against these promises.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from marl.batch import EpisodeBatch
from marl.spec import EnvSpec

Metrics = dict[str, Tensor]  # 0-d tensors; the loop alone turns them into numbers
State = dict[str, Any]  # tensors, numbers, strings, and dicts and lists of them
Channels = dict[str, Tensor]  # series to look at beside a battle, see marl/replay/channels.py


@dataclass(frozen=True)
class Progress:
    """How far training has come, as a learner or an exploration schedule may know it."""

    t_env: int = 0  # environment steps collected for training
    episode: int = 0  # episodes collected before the one that this update is for
    update: int = 0  # learner updates done before this one


class Observation(NamedTuple):
    """What the environments show now; views that the next call overwrites."""

    obs: NDArray[np.float32]  # [E,A,O]
    state: NDArray[np.float32]  # [E,S]
    avail: NDArray[np.bool_]  # [E,A,U]


class Step(NamedTuple):
    """What the last joint action brought; views that the next call overwrites."""

    reward: NDArray[np.float32]  # [E]
    terminated: NDArray[np.bool_]  # [E], nothing follows
    truncated: NDArray[np.bool_]  # [E], cut off by a limit: the value of what follows still counts


class VecEnv(Protocol):
    """E environments in lock-step, one episode each per `reset`.

    An episode is a function of its seed and the actions, whatever E and the thread count are:
    nothing random lives on from one episode to the next. An environment whose episode is over
    ignores its actions, keeps its last observation, and reports reward 0 until the next reset.
    """

    spec: EnvSpec
    num_envs: int

    def reset(self, seeds: NDArray[np.uint64]) -> None:
        """Start episode i from seeds[i]; environments from len(seeds) on stay idle (ended)."""

    def observe(self) -> Observation:
        """The current observation of all E environments."""

    def step(self, actions: NDArray[np.int64]) -> Step:
        """Advance all running environments by one step. actions: [E,A]."""

    def outcomes(self) -> dict[str, NDArray[np.float32]]:
        """Named results [E] of the episodes so far, e.g. battle_won; final once they ended."""

    def close(self) -> None:
        """Free what the environments hold."""


class Player(Protocol):
    """Plays one environment by a script: it has nothing to learn and needs no observations.

    What it does in an episode follows from the episode's seed alone, whatever E is.
    """

    def reset(self, seeds: NDArray[np.uint64]) -> None:
        """Start episode i of its environment from seeds[i]."""

    def step(self) -> Step:
        """Order all agents and advance all running episodes by one step."""


class Controller(Protocol):
    """Maps observations to per-agent action values; carries no memory of its own."""

    def initial_carry(self, batch: int) -> Tensor:
        """The recurrent carry before a first step, [B,A,H]."""

    def step(self, obs: Tensor, last_actions: Tensor, carry: Tensor) -> tuple[Tensor, Tensor]:
        """One slot: obs [B,A,O], last_actions [B,A] (-1 = none) -> values [B,A,U], carry."""

    def unroll(self, batch: EpisodeBatch) -> Tensor:
        """Values at all slots, [B,T+1,A,U]."""


class Exploration(Protocol):
    """Chooses actions from values."""

    def select(
        self, values: Tensor, avail: Tensor, progress: Progress, rng: torch.Generator
    ) -> Tensor:
        """values [B,A,U], avail [B,A,U] -> actions [B,A], always available ones."""

    def metrics(self, progress: Progress) -> dict[str, float]:
        """What the schedule stands at, e.g. epsilon."""


class IntrinsicReward(Protocol):
    """A bonus inside the TD target; it may learn from the batch first."""

    def prepare(self, batch: EpisodeBatch, progress: Progress) -> Metrics:
        """Learn from the sampled batch (codebook, buffers); once per update, before bonus."""

    def bonus(self, batch: EpisodeBatch, bootstrap: Tensor) -> Tensor:
        """Added to the target of each step. bootstrap: value of slot t + 1, [B,T,G] -> [B,T,G]."""

    def metrics(self) -> Metrics:
        """What the last bonus looked like."""

    def explain(self, batch: EpisodeBatch, bootstrap: Tensor) -> Channels:
        """What it makes of one episode (B = 1, no padding), without learning from it."""

    def state_dict(self) -> State: ...

    def load_state_dict(self, state: State) -> None: ...


class EnvConfig(Protocol):
    """An environment's options, a frozen dataclass, and how to make E copies of it."""

    kind: ClassVar[str]

    def build(self, num_envs: int, threads: int) -> VecEnv: ...


class Quantizer(Protocol):
    """Maps vectors to a finite set of codes."""

    n_codes: int

    def encode(self, states: Tensor) -> Tensor:
        """states [...,S] -> code index [...], int64; no gradient."""


class Learner(Protocol):
    """Turns a sampled batch into better networks."""

    def update(self, batch: EpisodeBatch, progress: Progress) -> Metrics: ...

    def explain(self, batch: EpisodeBatch) -> Channels:
        """What it makes of one episode (B = 1, no padding), without learning from it."""

    def state_dict(self) -> State: ...

    def load_state_dict(self, state: State) -> None: ...


class Buffer(Protocol):
    """Keeps episodes."""

    def add(self, batch: EpisodeBatch) -> None: ...

    def __len__(self) -> int:
        """Episodes held."""

    def state_dict(self) -> State: ...

    def load_state_dict(self, state: State) -> None: ...


class Sampler(Protocol):
    """Draws what one update learns from."""

    def ready(self, buffer: Buffer) -> bool: ...

    def sample(self, buffer: Buffer, rng: torch.Generator) -> EpisodeBatch: ...


class MetricSink(Protocol):
    """Somewhere that metrics go: console, TensorBoard, sacred, metrics.jsonl."""

    def write(self, metrics: Mapping[str, float], t_env: int) -> None: ...

    def close(self) -> None: ...
