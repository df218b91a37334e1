"""Sizes of an environment: everything a network or a buffer needs to know about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

MOST = 2**17  # of each size that a checkpoint says


@dataclass(frozen=True)
class Discrete:
    """Actions 0..n-1; some may be unavailable at a step."""

    n: int  # U


@dataclass(frozen=True)
class Continuous:
    """Actions are vectors of D numbers; the environment clips them to its bounds."""

    low: tuple[float, ...]  # [D]
    high: tuple[float, ...]  # [D]

    def __post_init__(self) -> None:
        if len(self.low) != len(self.high) or not self.low:
            raise ValueError(f"bounds of {len(self.low)} and {len(self.high)} numbers")
        if not all(low < high for low, high in zip(self.low, self.high, strict=True)):
            raise ValueError(f"each low must be below its high: {self.low}, {self.high}")
        if not np.isfinite([*self.low, *self.high]).all():
            raise ValueError(f"bounds must be finite: {self.low}, {self.high}")

    @property
    def dim(self) -> int:
        """D, numbers in one agent's action."""
        return len(self.low)

    def clip(self, actions: NDArray[np.float32]) -> NDArray[np.float32]:
        """The nearest actions within the bounds, [...,D]."""
        low, high = np.array(self.low, np.float32), np.array(self.high, np.float32)
        return np.clip(actions, low, high)


Action = Discrete | Continuous


class Goals(Protocol):
    """Values of goals, each a vector of G numbers that the whole team pursues.

    Pure functions: nothing but their arguments counts. What is achieved and the goal are those
    after a step, as gymnasium-robotics has it.
    """

    def reward(
        self, achieved: NDArray[np.float32], goal: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Rewards of steps that achieved this, had that been the goal: [...,G] each -> [...]."""

    def terminated(
        self, achieved: NDArray[np.float32], goal: NDArray[np.float32]
    ) -> NDArray[np.bool_]:
        """Whether nothing follows, for the goal's sake: [...,G] each -> bool [...]."""


@dataclass(frozen=True)
class EnvSpec:
    """One environment's sizes. Every array shape in the project comes from here.

    `name` is part of every result: `<environment>-<backend>/<map>`, for example
    `sc2-engine/3s_vs_5z`. `reports_win` says whether episodes end with a `battle_won` outcome.
    Where episodes have goals, each agent's observation and the state end with the goal's numbers;
    where they have skills, the one-hot skill ends them, or stands before the goal.
    """

    name: str
    n_agents: int  # A
    action: Action  # of each agent
    obs_dim: int  # O
    state_dim: int  # S
    episode_limit: int  # most steps in one episode
    reports_win: bool = False
    goal_dim: int = 0  # G, 0 where there are no goals
    skills: int = 0  # that an episode may draw one of, 0 where there are none
    goals: Goals | None = field(default=None, compare=False, repr=False)  # their values

    def __post_init__(self) -> None:
        if (self.goal_dim > 0) != (self.goals is not None):
            raise ValueError(f"{self.name}: goal_dim={self.goal_dim} and goals go together")
        if self.goal_dim + self.skills > min(self.obs_dim, self.state_dim):
            skill = f"a skill of {self.skills} and " if self.skills else ""
            raise ValueError(
                f"{self.name}: obs of {self.obs_dim} and state of {self.state_dim} numbers can't "
                f"end with {skill}a goal of {self.goal_dim}"
            )

    @property
    def own_dim(self) -> int:
        """Numbers of an observation before skill and goal."""
        return self.obs_dim - self.goal_dim - self.skills

    @property
    def n_actions(self) -> int:
        """U, of discrete actions alone."""
        if not isinstance(self.action, Discrete):
            raise TypeError(f"{self.name}: continuous actions have no number of actions")
        return self.action.n

    @property
    def action_width(self) -> int:
        """Numbers that describe one agent's action to a network: one-hot [U], or the vector [D]."""
        return self.action.n if isinstance(self.action, Discrete) else self.action.dim


def spec_state(spec: EnvSpec) -> dict[str, object] | None:
    """The spec as a checkpoint can hold it; None where it is more than a name and numbers."""
    values = {item.name: getattr(spec, item.name) for item in fields(spec)}
    values["action"] = asdict(spec.action)
    plain = all(isinstance(value, str | int | dict | None) for value in values.values())
    return values if plain else None


def spec_from(state: Mapping[str, Any]) -> EnvSpec:
    """The spec that `spec_state` made this of; ValueError or TypeError where it is none.

    Networks are made by its sizes, so that there are bounds of what is believed.
    """
    action = state["action"]
    kind = Discrete if "n" in action else Continuous
    spec = EnvSpec(**{**state, "action": kind(**action)})
    sizes = (spec.n_agents, spec.action_width, spec.obs_dim, spec.state_dim, spec.episode_limit)
    if type(spec.name) is not str or not all(
        type(size) is int and 0 < size <= MOST for size in sizes
    ):
        raise ValueError(f"sizes of an environment are not within 1..{MOST}: {sizes}")
    if type(spec.skills) is not int or not 0 <= spec.skills < spec.obs_dim:
        raise ValueError(f"{spec.skills} skills of an observation of {spec.obs_dim} numbers")
    if spec.n_agents * (spec.obs_dim + spec.action_width) > MOST:
        raise ValueError(f"{spec.n_agents} agents observe more than {MOST} numbers")
    return spec
