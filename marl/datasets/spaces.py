"""Minari's spaces as JSON, and what the numbers in them are to us."""

from __future__ import annotations

import json
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marl.errors import UnreadableError
from marl.spec import Action, Continuous, Discrete, EnvSpec

PARTS = ("obs", "state", "avail", "goal", "achieved_goal")  # of several agents', or with goals


def is_plain(spec: EnvSpec) -> bool:
    """Whether an observation is a vector: one agent, which sees the whole state, without a goal."""
    return spec.n_agents == 1 and spec.obs_dim == spec.state_dim and spec.goal_dim == 0


def observation_space(spec: EnvSpec) -> dict[str, object]:
    """A Box [O], or a Dict of obs [A,O], state [S], avail [A,U], goal [G] and achieved_goal [G]."""
    if is_plain(spec):
        return _box((spec.obs_dim,))
    parts = {"obs": _box((spec.n_agents, spec.obs_dim)), "state": _box((spec.state_dim,))}
    if isinstance(spec.action, Discrete):
        parts["avail"] = _box((spec.n_agents, spec.action.n), 0, 1, "int8")
    if spec.goal_dim:
        parts |= {name: _box((spec.goal_dim,)) for name in ("goal", "achieved_goal")}
    return {"type": "Dict", "subspaces": parts}


def action_space(spec: EnvSpec) -> dict[str, object]:
    """A Discrete or a Box [D] of one agent, a MultiDiscrete [A] or a Box [A,D] of several."""
    action, agents = spec.action, spec.n_agents
    if isinstance(action, Continuous):
        shape = (action.dim,) if agents == 1 else (agents, action.dim)
        low, high = (np.broadcast_to(end, shape).tolist() for end in (action.low, action.high))
        return {"type": "Box", "dtype": "float32", "shape": shape, "low": low, "high": high}
    if agents == 1:
        return {"type": "Discrete", "dtype": "int64", "start": 0, "n": action.n}
    return {
        "type": "MultiDiscrete",
        "dtype": "int64",
        "nvec": [action.n] * agents,
        "start": [0] * agents,
    }


def _box(
    shape: tuple[int, ...],
    low: float = -np.inf,
    high: float = np.inf,
    dtype: str = "float32",
) -> dict[str, object]:
    ends = {"low": np.full(shape, low).tolist(), "high": np.full(shape, high).tolist()}
    return {"type": "Box", "dtype": dtype, "shape": shape, **ends}


@dataclass(frozen=True)
class Numbers:
    """A leaf of a space: an array of `shape` at each step, or one of n numbers from `start` on."""

    shape: tuple[int, ...]
    n: int = 0  # 0: no Discrete one
    start: int = 0

    @property
    def width(self) -> int:
        """Numbers of the vector that it becomes."""
        return self.n or prod(self.shape)

    def vectors(self, values: NDArray[Any]) -> NDArray[Any]:
        """values [N,*shape] -> [N,width]; a number of a Discrete space becomes a one-hot."""
        if self.n:
            one_hots = np.zeros((len(values), self.n), dtype=np.float32)
            one_hots[np.arange(len(values)), self.indices(values)] = 1.0
            return one_hots
        return values.reshape(len(values), -1)

    def indices(self, values: NDArray[Any]) -> NDArray[np.int64]:
        """Numbers of a Discrete space from 0 on; ValueError where they are none of it."""
        if values.dtype.kind not in "iu":
            raise ValueError(f"is {values.dtype}, and must be whole numbers")
        found = values.astype(np.int64).reshape(len(values)) - self.start
        wrong = np.flatnonzero((found < 0) | (found >= self.n))
        if len(wrong):
            raise ValueError(f"step {wrong[0]}: {values[wrong[0]]} is none of {self.n} numbers")
        return found


def leaf(space: Any, name: str) -> Numbers:
    """A Box or a Discrete space; UnreadableError for others. name: for the message."""
    try:
        if space["type"] == "Discrete":
            n, start = int(space["n"]), int(space.get("start", 0))
            if n > 0:
                return Numbers((), n, start)
        if space["type"] in ("Box", "MultiDiscrete"):
            shape = space["shape"] if space["type"] == "Box" else [len(space["nvec"])]
            return Numbers(tuple(int(size) for size in shape))
        kind = str(space["type"])[:40]
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        kind = "none"
    raise UnreadableError(f"{name}: is a space of type {kind}; supported are Box and Discrete")


def space_in(metadata: dict[str, Any], name: str, where: str) -> Any:
    """The space that Minari's metadata hold as a JSON text under this name."""
    text = metadata.get(name)
    try:
        space = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        space = None
    if not isinstance(space, dict):
        raise UnreadableError(f"{where}: has no {name}")
    return space


def fits(space: Any, action: Action, name: str) -> str:
    """Why one agent's actions of this space are not the environment's; "" where they are."""
    found = leaf(space, name)
    if isinstance(action, Discrete):
        return "" if found.n == action.n else f"{found.n or 'no'} discrete ones, not {action.n}"
    if found.n or found.width != action.dim:
        have = f"{found.n} discrete ones" if found.n else f"{found.width} numbers"
        return f"{have}, not {action.dim} numbers"
    low, high = (np.ravel(np.array(space.get(end, np.nan), float)) for end in ("low", "high"))
    if not (_same(low, action.low) and _same(high, action.high)):
        return "within other bounds"
    return ""


def _same(ends: NDArray[np.float64], bounds: tuple[float, ...]) -> bool:
    return ends.size in (1, len(bounds)) and np.allclose(ends, np.array(bounds), rtol=1e-5)
