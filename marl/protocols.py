"""The seams: what each kind of part promises to the others.

`tests/contracts/` checks every implementation against these promises.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from marl.batch import Column, EpisodeBatch, Layout
from marl.seeding import EpisodeSeeds
from marl.spec import EnvSpec, Goals

Metrics = dict[str, Tensor]  # 0-d tensors; the loop alone turns them into numbers
State = dict[str, Any]  # tensors, numbers, strings, and dicts and lists of them
Channels = dict[str, Tensor]  # series to look at beside a battle, see marl/replay/channels.py
Carry = dict[str, Tensor]  # what an actor remembers of running episodes, [B,...] each
Samples = Mapping[str, EpisodeBatch]  # what one update learns from, by name
BATCH = "batch"  # the sample's name where there is one


@dataclass(frozen=True)
class Progress:
    """Progress of training, as a learner or an exploration schedule may know it."""

    t_env: int = 0  # environment steps collected for training
    episode: int = 0  # episodes collected before the one that this update is for
    update: int = 0  # learner updates done before this one


# Environments


class Observation(NamedTuple):
    """The environments' current observation; views that the next call overwrites."""

    obs: NDArray[np.float32]  # [E,A,O]
    state: NDArray[np.float32]  # [E,S]
    avail: NDArray[np.bool_] | None  # [E,A,U]; None where actions are continuous
    goal: NDArray[np.float32] | None = None  # [E,G]; None where there are no goals
    achieved_goal: NDArray[np.float32] | None = None  # [E,G], likewise

    @property
    def mask(self) -> NDArray[np.bool_]:
        """avail, of discrete actions alone."""
        assert self.avail is not None
        return self.avail


class Step(NamedTuple):
    """Results of the last joint action; views that the next call overwrites."""

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

    def reset(self, seeds: NDArray[np.uint64], rows: NDArray[np.int64] | None = None) -> None:
        """Start an episode from seeds[i] in environment rows[i]; the others go on untouched.

        Without rows: in environment i; environments from len(seeds) on stay idle (ended).
        """

    def observe(self) -> Observation:
        """The current observation of all E environments."""

    def step(self, actions: NDArray[Any]) -> Step:
        """Advance all running environments by one step.

        actions: [E,A] int64, or [E,A,D] float32 of continuous ones, clipped to their bounds.
        """

    def outcomes(self) -> dict[str, NDArray[np.float32]]:
        """Named results [E] of the episodes so far, e.g. battle_won; final once they ended."""

    def close(self) -> None:
        """Free what the environments hold."""


@runtime_checkable
class Breakable(Protocol):
    """A VecEnv whose episodes may break off for no reason of their own.

    For example because a process of the environment's crashed. Such an episode ends as truncated.
    Whoever collects episodes must drop it: nothing is learnt from it, and no mean counts it.
    """

    def broken(self) -> NDArray[np.bool_]:
        """The episodes since their last reset that broke off, [E]."""

    def incidents(self) -> dict[str, float]:
        """Counts of failures since the start, by name of the metric."""


@runtime_checkable
class RemarkingEnv(Protocol):
    """A VecEnv that may mean something else than its user expects."""

    def remark(self) -> str:
        """What it means, in one line; "" where that is as expected."""


@runtime_checkable
class GoalEnv(Goals, Protocol):
    """A VecEnv whose episodes have goals: vectors of `spec.goal_dim` numbers, `spec.goals` itself.

    Its observations have `goal` and `achieved_goal`, and each agent's obs and the state end with
    the goal. A step is paid `reward(achieved_goal, goal)`, of the observation after it, and where
    `terminated` of the two is true the episode is over (it may end for other reasons too).
    """


@dataclass(frozen=True)
class Table:
    """A finite environment written down: X states, J joint actions, each legal in every state.

    Time limits are not in it.
    """

    actions: NDArray[np.int64]  # [J,A]
    transition: NDArray[np.float64]  # [X,J,X], probability of the next state
    reward: NDArray[np.float64]  # [X,J], the mean
    terminal: NDArray[np.bool_]  # [X], nothing follows: every action stays there and pays 0
    start: NDArray[np.float64]  # [X], probability of the first state


@runtime_checkable
class TableModel(Protocol):
    """A VecEnv whose rules are tables, for planners."""

    def table(self) -> Table:
        """The rules, those of all E environments."""

    def table_state(self) -> NDArray[np.int64]:
        """Number of the state that each environment is in, [E]; terminal where its rules ended."""


class EnvConfig(Protocol):
    """An environment's options, a frozen dataclass, and how to make E copies of it."""

    kind: ClassVar[str]

    def build(self, num_envs: int, threads: int) -> VecEnv: ...


class Player(Protocol):
    """Plays one environment by a script: it has nothing to learn and needs no observations.

    What it does in an episode follows from the episode's seed alone, whatever E is.
    """

    def reset(self, seeds: NDArray[np.uint64]) -> None:
        """Start episode i of its environment from seeds[i]."""

    def step(self) -> Step:
        """Order all agents and advance all running episodes by one step."""


# Acting


class ObservationTensors(NamedTuple):
    """An Observation on the device of an actor."""

    obs: Tensor  # [B,A,O]
    state: Tensor  # [B,S]
    avail: Tensor | None  # [B,A,U]


class Acted(NamedTuple):
    """A joint action, and what goes with it."""

    actions: Tensor  # [B,A] or [B,A,D]
    carry: Carry
    extras: dict[str, Tensor]  # the actor's own columns of this step, [B,...] each


class Actor(Protocol):
    """Chooses actions; remembers nothing itself, the carry goes in and comes out."""

    columns: tuple[Column, ...]  # of its extras, level `step`

    def initial_carry(self, batch: int) -> Carry:
        """The carry before a first step, [B,...] each."""

    def act(
        self,
        observation: ObservationTensors,
        carry: Carry,
        progress: Progress,
        rng: torch.Generator,
        greedy: bool = False,
    ) -> Acted:
        """Legal actions; greedy ones draw nothing from rng, which lives on the CPU."""

    def metrics(self, progress: Progress) -> dict[str, float]:
        """State of its exploration, e.g. epsilon."""


class Stopped(Exception):  # noqa: N818 - no error: what was begun is given up on request
    """Raised by whoever finds `Behaviour.stopping`; nothing of what was begun counts."""


@dataclass(frozen=True)
class Behaviour:
    """An actor, and how it is asked."""

    actor: Actor
    progress: Progress = Progress()
    rng: torch.Generator = field(default_factory=torch.Generator)
    greedy: bool = False
    clock: str = ""  # the stopwatch's part that all of it counts for; "": acting and env apart
    stopping: Callable[[], bool] = lambda: False  # asked before each step; True: raise Stopped


class Controller(Protocol):
    """One network for all agents: observations to an output for each agent and slot."""

    def initial_carry(self, batch: int) -> Carry:
        """The carry before a first step, [B,...] each."""

    def step(self, obs: Tensor, carry: Carry) -> tuple[Tensor, Tensor]:
        """One slot: obs [B,A,O] -> outputs [B,A,U], hidden [B,A,H]."""

    def next_carry(self, hidden: Tensor, actions: Tensor) -> Carry:
        """The carry after a step. hidden [B,A,H]; actions: those taken, [B,A] or [B,A,D]."""

    def unroll(self, batch: EpisodeBatch) -> Tensor:
        """Outputs at all slots, zero in the padding, [B,T+1,A,U]."""


@dataclass(frozen=True)
class Episodes:
    """Results of episodes just played: those that came through, K of the C asked for."""

    returns: NDArray[np.float64]  # [K] sum of rewards
    lengths: NDArray[np.int64]  # [K] steps
    outcomes: dict[str, NDArray[np.float32]]  # [K] each, e.g. battle_won
    truncated: NDArray[np.bool_]  # [K] cut off by a limit
    intact: NDArray[np.bool_]  # [C] came through; all do where the environment can't break


@dataclass(frozen=True)
class Rollout(Episodes):
    """Experience, and the episodes that ended in it."""

    batch: EpisodeBatch  # views that the next collection overwrites
    ended: NDArray[np.bool_]  # [B] whether the row's episode ended with it

    @property
    def steps(self) -> int:
        """Environment steps in the batch."""
        return int(self.batch.lengths.sum())


class EpisodePlayer(Protocol):
    """Plays whole episodes."""

    env: VecEnv

    def play(self, behaviour: Behaviour, seeds: NDArray[np.uint64]) -> Rollout:
        """One episode for each seed (at most E of them), without those that broke off."""


class Runner(Protocol):
    """Collects experience from environments."""

    def collect(self, behaviour: Behaviour, seeds: EpisodeSeeds) -> Rollout:
        """The next experience, and the episodes that ended in it.

        After Stopped the state is the one before, for a checkpoint, and nothing is collected any
        more.
        """

    def for_tests(self, build: Callable[[], VecEnv]) -> EpisodePlayer:
        """Plays whole episodes between two collections; `build` makes an environment for that."""

    def incidents(self) -> dict[str, float]:
        """Counts of the environments' failures since the start, by name of the metric."""

    def state_dict(self) -> State: ...

    def load_state_dict(self, state: State) -> None: ...


# Learning


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


class Learner(Protocol):
    """Turns samples into better networks."""

    @property
    def parameters(self) -> Sequence[nn.Parameter]:
        """All that it trains."""

    def update(self, samples: Samples, progress: Progress) -> Metrics: ...

    def state_dict(self) -> State: ...

    def load_state_dict(self, state: State) -> None: ...


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


class Quantized(NamedTuple):
    """Vectors replaced by codes."""

    vectors: Tensor  # [...,D], the codes'; a gradient goes straight through to what they replace
    indices: Tensor  # [...] int64, of the codes


class Quantizer(Protocol):
    """Maps vectors to a finite set of codes, 0..n_codes-1, each with a vector of its own."""

    n_codes: int

    def encode(self, states: Tensor) -> Tensor:
        """states [...,S] -> code index [...], int64, through its own encoder; no gradient."""

    def quantize(self, vectors: Tensor) -> Quantized:
        """Codes for latent vectors [...,D], past the encoder."""

    def look_up(self, codes: Tensor) -> Tensor:
        """codes [...] -> their vectors [...,D]."""


# Experience


class Buffer(Protocol):
    """Keeps experience in rows: whole episodes, slices or single steps, the oldest first."""

    layout: Layout

    @property
    def steps(self) -> int:
        """Steps held in all rows together."""

    def add(self, batch: EpisodeBatch) -> None:
        """Keep every row; the oldest ones go where room is short."""

    def __len__(self) -> int:
        """Rows held."""

    def episodes(self, rows: Tensor) -> EpisodeBatch:
        """Copies of whole rows 0..len-1 (0 is the oldest), cut to the longest; rows: [B]."""

    def lengths(self, rows: Tensor) -> Tensor:
        """Steps of these rows, [B]."""

    def locate(self, picks: Tensor) -> tuple[Tensor, Tensor]:
        """Row and step of the picks-th held step, 0..steps-1 from the oldest on; [B] each."""

    def slices(self, rows: Tensor, starts: Tensor, length: int) -> EpisodeBatch:
        """Copies of `length` consecutive steps from each row, padded past its end; [B] each."""

    def clear(self) -> None:
        """Hold nothing."""

    def state_dict(self) -> State: ...

    def load_state_dict(self, state: State) -> None: ...


@dataclass(frozen=True)
class DataFile:
    """A file of experience, and what tells it from any other."""

    path: str  # absolute
    sha256: str


@runtime_checkable
class FromFile(Protocol):
    """A buffer whose experience lies in a file: a run says which, and goes on with no other."""

    @property
    def file(self) -> DataFile: ...


class Sampler(Protocol):
    """Draws what one update learns from."""

    columns: tuple[Column, ...]  # that it needs of the experience beyond the environment's

    def ready(self, buffer: Buffer) -> bool: ...

    def sample(self, buffer: Buffer, rng: torch.Generator) -> Samples: ...


class Schedule(Protocol):
    """Says how many updates are due for the experience that was collected."""

    def after_row(self, steps: int, ended: bool, ready: bool) -> int:
        """Count the updates due for a kept row.

        ended: its episode ended with it; ready: the sampler can draw.
        """

    def after_collection(self, progress: Progress, ready: bool) -> list[int]:
        """List the updates due for a whole collection, each by the episode that it follows.

        progress: before the collection; ready: the sampler can draw.
        """

    def time_passed(self, steps: int, updates: int) -> int:
        """Steps of t_env for a collection of so many steps and the updates after it."""

    def state_dict(self) -> State: ...

    def load_state_dict(self, state: State) -> None: ...


# Results


class MetricSink(Protocol):
    """A destination of metrics: console, TensorBoard, sacred, metrics.jsonl."""

    def write(self, metrics: Mapping[str, float], t_env: int) -> None: ...

    def close(self) -> None: ...
