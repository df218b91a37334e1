"""What turns samples into better networks, and the bonus inside its targets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from marl.batch import Column, EpisodeBatch
from marl.protocols.experience import Sampler, Samples
from marl.protocols.loop import Metrics, Progress, State

Channels = dict[str, Tensor]  # series to look at beside a battle, see marl/replay/channels.py


class IntrinsicReward(Protocol):
    """A bonus inside the TD target; it may learn from the batch first."""

    columns: tuple[Column, ...]  # that it needs of a batch beyond the environment's

    def __call__(
        self, batch: EpisodeBatch, bootstrap: Tensor, progress: Progress
    ) -> tuple[Tensor, Metrics]:
        """Added to the target of each step: [B,T,G], or what broadcasts to it; and its metrics.

        Once per update. bootstrap: value of slot t + 1, [B,T,G].
        """

    def state_dict(self) -> State: ...

    def load_state_dict(self, state: State) -> None: ...


@runtime_checkable
class SamplingBonus(Protocol):
    """A bonus that learns from a sample of its own, once per update before it is asked."""

    samplers: Mapping[str, Sampler]  # its samples by name, beside the learner's batch

    def learn(self, samples: Samples) -> Metrics: ...


@runtime_checkable
class ScoringBonus(Protocol):
    """A bonus that says how much an episode is worth learning from."""

    device: torch.device

    def scores(self, batch: EpisodeBatch) -> Tensor:
        """Of whole episodes, on the bonus's device, [B] not below 0; nothing is learnt."""


@runtime_checkable
class WarmStart(Protocol):
    """A learner or a bonus that can begin with the weights of another run's."""

    def start_from(self, state: State) -> bool:
        """Take the weights of a saved state; whether those of a bonus were there and taken."""


@runtime_checkable
class PretrainedBonus(Protocol):
    """A bonus that takes its weights from another run, and then keeps them."""

    pretrained: str | None  # run or checkpoint; None: it learns by itself

    def start_from(self, state: State) -> bool: ...


class Encoder(Protocol):
    """What policy and critics see of an observation."""

    width: int  # O', numbers of an agent's encoded observation
    slices: int  # steps that a row of a batch must have for it to learn; 1: any

    @property
    def parameters(self) -> Sequence[nn.Parameter]:
        """All that it trains."""

    def encode(self, obs: Tensor) -> Tensor:
        """obs [...,A,O] -> [...,A,O']; no gradient."""

    def encoded(self, batch: EpisodeBatch) -> EpisodeBatch:
        """The batch with encoded observations, and the same otherwise."""

    def learn(self, batch: EpisodeBatch) -> Metrics:
        """Learn from a batch as it was sampled."""

    def state_dict(self) -> State: ...

    def load_state_dict(self, state: State) -> None: ...


class Learner(Protocol):
    """Turns samples into better networks."""

    @property
    def parameters(self) -> Sequence[nn.Parameter]:
        """All that it trains."""

    def update(self, samples: Samples, progress: Progress) -> Metrics: ...

    def state_dict(self) -> State: ...

    def load_state_dict(self, state: State) -> None: ...


@runtime_checkable
class Weighing(Protocol):
    """A learner that weighs the rows of a batch by its column `weight`, where it has one."""

    row_errors: Tensor  # [B], of the last such batch: mean size of each row's errors


@runtime_checkable
class Explainable(Protocol):
    """A learner that can show what it makes of one episode."""

    def explain(self, batch: EpisodeBatch) -> Channels:
        """Series of one episode (B = 1, no padding), without learning from it."""


@runtime_checkable
class Assessable(Protocol):
    """A learner that can compare its estimates with what episodes really brought."""

    def assess(self, batch: EpisodeBatch) -> Metrics:
        """Metrics of whole episodes that nothing was learnt from, of the greedy policy's own."""


@runtime_checkable
class RowSharing(Protocol):
    """A learner whose updates on the CPU `learner_threads` share.

    Its `update` asks `marl.nets.threads.shared(self.estimate_rows, batch, parameters)`.
    """

    def estimate_rows(self, batch: EpisodeBatch) -> tuple[Tensor, Tensor]:
        """Two tensors [B,T,...], zero in the padding; the first alone has gradients.

        Threads call it at the same time, each with some rows: what it gives of a row must not
        depend on the others, and it must change nothing.
        """


@runtime_checkable
class AssessableBonus(Protocol):
    """A bonus that can compare what it would pay with what episodes really brought."""

    def assess(self, batch: EpisodeBatch, bootstrap: Tensor, returns: Tensor) -> Metrics:
        """bootstrap [B,T,G]; returns [B,T+1]: discounted, from each slot on."""


@runtime_checkable
class ExplainableBonus(Protocol):
    """A bonus that can show what it makes of one episode."""

    def explain(self, batch: EpisodeBatch, bootstrap: Tensor) -> Channels:
        """Series of one episode (B = 1, no padding), without learning from it."""


@runtime_checkable
class TrainedBonus(Protocol):
    """A bonus that has networks of its own."""

    @property
    def parameters(self) -> Sequence[nn.Parameter]:
        """All that it trains."""
