"""PettingZoo, both ways: our environments as a ParallelEnv, and any ParallelEnv as a VecEnv."""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np
from gymnasium import spaces
from gymnasium.spaces import Box, Dict, Space
from numpy.typing import NDArray
from pettingzoo import ParallelEnv

from marl.config.schema import option, parse
from marl.engine.facts.scenario import Scenario, load_scenario
from marl.envs.acting import whole, whole_actions
from marl.envs.gymnasium import discrete_actions, encoder
from marl.envs.running import rows_to_start
from marl.envs.sides import check_sides, remark_on
from marl.envs.smac import Sc2Config
from marl.errors import EnvError
from marl.protocols.environments import Observation, Step, VecEnv
from marl.spec import Discrete, EnvSpec

Seen = dict[str, NDArray[Any]]  # observation [O] float32, action_mask [U] int8
Present = Callable[[NDArray[np.bool_]], NDArray[np.bool_]]  # avail [A,U] -> [A]


def everyone(avail: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """All agents stay until the episode ends."""
    return np.ones(len(avail), dtype=np.bool_)


def living(avail: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """SMAC's rule: action 0, the no-op, is all that a dead agent has."""
    return np.logical_or.reduce(avail[:, 1:], axis=1)


def numbered(kinds: Sequence[str]) -> list[str]:
    """stalker, stalker, zealot -> stalker_0, stalker_1, zealot_0."""
    count: Counter[str] = Counter()
    names = []
    for kind in kinds:
        names.append(f"{kind}_{count[kind]}")
        count[kind] += 1
    return names


class ParallelView(ParallelEnv[str, Seen, int]):
    """One environment of ours (E = 1) as PettingZoo sees it.

    All agents get the team's reward. An agent that is no longer `present` is terminated at that
    step and leaves `agents`; a time limit truncates the agents that are left. An action outside its
    mask becomes the first one in it (stop, in a battle), and `infos` say so (illegal_action),
    because PettingZoo's own tests play such actions. At the end of the episode `infos` hold its
    outcomes (battle_won, ...). A `reset` without a seed draws the next one from the generator that
    the last seed began.
    """

    def __init__(
        self, env: VecEnv, names: Sequence[str] | None = None, present: Present = everyone
    ) -> None:
        if env.num_envs != 1:
            raise ValueError(f"a ParallelEnv is one environment, not {env.num_envs}")
        spec = env.spec
        self.metadata = {"name": spec.name, "render_modes": [], "is_parallelizable": True}
        self.render_mode = None
        self.possible_agents = list(names or numbered(["agent"] * spec.n_agents))
        self.agents: list[str] = []
        self.observation_spaces: dict[str, Space] = {
            name: Dict(
                observation=Box(-np.inf, np.inf, (spec.obs_dim,), np.float32),
                action_mask=Box(0, 1, (spec.n_actions,), np.int8),
            )
            for name in self.possible_agents
        }
        self.action_spaces: dict[str, Space] = {
            name: spaces.Discrete(spec.n_actions) for name in self.possible_agents
        }
        self.state_space = Box(-np.inf, np.inf, (spec.state_dim,), np.float32)
        self._env, self._present = env, present
        self._index = {name: a for a, name in enumerate(self.possible_agents)}
        self._rng = np.random.default_rng()

    def reset(
        self, seed: int | None = None, options: dict | None = None
    ) -> tuple[dict[str, Seen], dict[str, dict]]:
        """Start an episode; no options are known, any are ignored."""
        if seed is not None:
            self._rng = np.random.default_rng(seed)
        episode_seed = self._rng.integers(2**63) if seed is None else seed
        self._env.reset(np.array([episode_seed], dtype=np.uint64))
        self.agents = list(self.possible_agents)
        return self._see(self.agents), {name: {} for name in self.agents}

    def step(
        self, actions: dict[str, int]
    ) -> tuple[
        dict[str, Seen], dict[str, float], dict[str, bool], dict[str, bool], dict[str, dict]
    ]:
        acting = self.agents
        joint, illegal = self._joint(actions)
        step = self._env.step(joint)
        present = self._present(self._env.observe().mask[0])  # [A]
        ended, cut = bool(step.terminated[0]), bool(step.truncated[0])
        outcome = self._outcome() if ended or cut else {}
        terminated = {name: ended or not present[self._index[name]] for name in acting}
        truncated = {name: cut and not terminated[name] for name in acting}
        self.agents = [name for name in acting if not (terminated[name] or truncated[name])]
        return (
            self._see(acting),
            dict.fromkeys(acting, float(step.reward[0])),
            {name: bool(value) for name, value in terminated.items()},
            truncated,
            {name: outcome | {"illegal_action": name in illegal} for name in acting},
        )

    def state(self) -> NDArray[np.float32]:
        return self._env.observe().state[0].copy()

    def observation_space(self, agent: str) -> Space:
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> Space:
        return self.action_spaces[agent]

    def render(self) -> None:
        """There is no picture: render_mode is None."""

    def close(self) -> None:
        self._env.close()

    def _joint(self, actions: Mapping[str, int]) -> tuple[NDArray[np.int64], set[str]]:
        """Actions [1,A] (0 for agents that have left), and names whose action was illegal."""
        for name in actions:
            if name not in self._index:
                raise ValueError(f"{name} is no agent; agents: {', '.join(self.possible_agents)}")
        n_actions = self._env.spec.n_actions
        avail = self._env.observe().mask[0]
        joint = np.zeros((1, self._env.spec.n_agents), dtype=np.int64)
        illegal = set()
        for name in self.agents:
            if name not in actions:
                raise ValueError(f"{name} is in agents but has no action")
            a, action = self._index[name], whole(actions[name], name)
            if not 0 <= action < n_actions:
                raise ValueError(f"{name}: action {action} is not within 0..{n_actions - 1}")
            if not avail[a, action]:
                illegal.add(name)
                action = int(avail[a].argmax())
            joint[0, a] = action
        return joint, illegal

    def _see(self, names: Sequence[str]) -> dict[str, Seen]:
        observation = self._env.observe()
        obs, avail = observation.obs, observation.mask
        return {
            name: {
                "observation": obs[0, self._index[name]].copy(),
                "action_mask": avail[0, self._index[name]].astype(np.int8),
            }
            for name in names
        }

    def _outcome(self) -> dict[str, float]:
        return {name: float(value[0]) for name, value in self._env.outcomes().items()}


def parallel_env(map: str = "3m", **options: object) -> ParallelView:
    """A battle of our engine; agents are named after their units (stalker_0, zealot_0, ...).

    options: the other keys of Sc2Config, for example reward_sparse=True.
    """
    env = parse(Sc2Config, {"map": map, **options}).build(num_envs=1, threads=1)
    return ParallelView(env, battle_names(load_scenario(map)), living)


def battle_names(scenario: Scenario) -> list[str]:
    """A scenario's agents, named after their units, in SMAC's order: by the types' names."""
    allies = [group for group in scenario.groups if group.side == "ally"]
    return numbered(sorted(group.unit.lower() for group in allies for _ in range(group.count)))


@dataclass(frozen=True)
class PettingZooConfig:
    """A module with `parallel_env()`, whose agents all have the same Discrete actions."""

    kind: ClassVar[str] = "pettingzoo"
    module: str = option("mpe2.simple_spread_v3", code=bool)
    options: dict[str, object] = field(default_factory=dict)  # what parallel_env is called with
    reward: Literal["sum", "mean"] = "sum"  # of the agents that acted: the team's reward
    time_limit: int = option(100, low=1, high=10**6)  # steps; it may end sooner by itself

    def build(self, num_envs: int, threads: int) -> PettingZooEnv:
        make = maker(self.module)
        try:
            envs = [make(**self.options) for _ in range(num_envs)]
        except TypeError as error:
            raise EnvError(
                f"options: {self.module}.parallel_env does not take {self.options} ({error})"
            ) from error
        name = f"pettingzoo/{self.module.split('.')[-1]}"
        return PettingZooEnv(name, envs, self.reward, self.time_limit)


def maker(module: str) -> Callable[..., ParallelEnv]:
    """The `parallel_env` of the module with that name."""
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise EnvError(
            f"module: {module!r} cannot be imported ({error}); check its name and that"
            f" the package is there: pip install {module.split('.')[0]}"
        ) from error
    except (ImportError, TypeError, ValueError) as error:  # the last two: ".x" and ""
        raise EnvError(f"module: {module!r} cannot be imported ({error})") from error
    if not hasattr(found, "parallel_env"):
        raise EnvError(f"module: {module!r} has no parallel_env")
    return found.parallel_env


class PettingZooEnv:
    """E copies of one ParallelEnv behind the VecEnv promise, stepped one after another.

    An agent that has left sees zeros and has action 0 only. Shorter observations are padded with
    zeros. The state is the environment's own, or else all observations side by side.
    """

    def __init__(
        self, name: str, envs: Sequence[ParallelEnv], reward: Literal["sum", "mean"], limit: int
    ) -> None:
        first = envs[0]
        names = list(first.possible_agents)
        check_sides(name, names)
        actions = {discrete_actions(name, first.action_space(agent)) for agent in names}
        if len(actions) != 1:
            raise EnvError(f"{name}: its agents have different actions; one set is supported")
        ((n_actions, self._first_action),) = actions
        encoders = {agent: encoder(name, vector_space(first, agent)) for agent in names}
        obs_dim = max(length for length, _ in encoders.values())
        self._has_state = hasattr(first, "state_space")
        shape = first.state_space.shape if self._has_state else (len(names), obs_dim)
        state_dim, self.num_envs = int(np.prod(shape)), len(envs)
        self.spec = EnvSpec(name, len(names), Discrete(n_actions), obs_dim, state_dim, limit)
        self._envs, self._names, self._mean = envs, names, reward == "mean"
        self._encode = {agent: encode for agent, (_, encode) in encoders.items()}
        self._steps = np.zeros(self.num_envs, dtype=np.int64)
        self._running = np.zeros(self.num_envs, dtype=np.bool_)
        self._obs = np.zeros((self.num_envs, len(names), obs_dim), dtype=np.float32)
        self._state = np.zeros((self.num_envs, state_dim), dtype=np.float32)
        self._avail = np.zeros((self.num_envs, len(names), n_actions), dtype=np.bool_)
        self._avail[..., 0] = True  # never started: as if all had left

    def reset(self, seeds: NDArray[np.uint64], rows: NDArray[np.int64] | None = None) -> None:
        rows = rows_to_start(self._running, seeds, rows)
        self._steps[rows] = 0
        for e, seed in zip(rows.tolist(), seeds, strict=True):
            observations, _ = self._envs[e].reset(seed=int(seed))
            self._look(e, observations)

    def observe(self) -> Observation:
        return Observation(self._obs, self._state, self._avail)

    def step(self, actions: NDArray[np.int64]) -> Step:
        reward = np.zeros(self.num_envs, dtype=np.float32)
        terminated, truncated = np.zeros((2, self.num_envs), dtype=np.bool_)
        shape = (self.num_envs, self.spec.n_agents)
        actions = whole_actions(actions, shape, self.spec.n_actions, self._running)
        for e in np.flatnonzero(self._running):
            reward[e], terminated[e], truncated[e] = self._step(int(e), actions[e])
        self._running &= ~(terminated | truncated)
        return Step(reward, terminated, truncated)

    def remark(self) -> str:
        """Whose rewards the team is paid, where its agents are of several sorts."""
        return remark_on(self.spec.name, self._names, "mean" if self._mean else "sum")

    def outcomes(self) -> dict[str, NDArray[np.float32]]:
        """None: PettingZoo has no word for them."""
        return {}

    def close(self) -> None:
        for env in self._envs:
            env.close()

    def _step(self, e: int, actions: NDArray[np.int64]) -> tuple[float, bool, bool]:
        """One step of environment e: reward, terminated, truncated. actions: [A]."""
        env = self._envs[e]
        acting = set(env.agents)
        chosen = {
            name: self._first_action + int(action)
            for name, action in zip(self._names, actions, strict=True)
            if name in acting
        }
        observations, rewards, _, truncations, _ = env.step(chosen)
        self._look(e, observations)
        self._steps[e] += 1
        total = float(sum(rewards.values()))
        ended = not env.agents
        # One agent cut short is enough: the value of what follows still counts for the team.
        cut = any(truncations.values()) if ended else self._steps[e] == self.spec.episode_limit
        return total / max(1, len(rewards)) if self._mean else total, ended and not cut, bool(cut)

    def _look(self, e: int, observations: Mapping[str, Any]) -> None:
        """Write down environment e's observation; after its end, that of the last agents."""
        env = self._envs[e]
        here = env.agents or observations
        self._obs[e], self._avail[e] = 0.0, False
        for a, name in enumerate(self._names):
            if name not in here:
                continue
            seen, mask = split(observations[name])
            vector = self._encode[name](seen)
            self._obs[e, a, : len(vector)] = vector
            self._avail[e, a] = mask
        self._avail[e, :, 0] |= ~self._avail[e].any(axis=-1)
        self._state[e] = env.state().reshape(-1) if self._has_state else self._obs[e].reshape(-1)


def vector_space(env: ParallelEnv, agent: str) -> Space:
    """The space of the observation proper, without the action mask beside it."""
    space = env.observation_space(agent)
    return space["observation"] if isinstance(space, Dict) else space


def split(observation: Any) -> tuple[Any, Any]:
    """An observation and its action mask; True (everything) where it has none."""
    if isinstance(observation, Mapping):
        mask = np.asarray(observation.get("action_mask", True), dtype=np.bool_)
        return observation["observation"], mask
    return observation, True
