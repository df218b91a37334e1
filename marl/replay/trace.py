"""Trace: the seed and the actions of a battle, from which the engine plays it again.

A trace takes a few kilobytes, a film some hundred. It can be played while the rules are the same:
the engine's sources and the files of maps/ (`rules_digest`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marl import engine
from marl.compiled.cache import sources_digest
from marl.config.schema import parse, to_mapping
from marl.engine.facts.scenario import MAPS
from marl.envs.smac import Sc2Config, SmacEnv
from marl.envs.smac_options import ClientConfig
from marl.envs.smacv2 import Smacv2Config
from marl.errors import ConfigError
from marl.protocols.environments import EnvConfig
from marl.replay.camera import Camera
from marl.replay.channels import ChannelArrays, pack_channels, unpack_channels
from marl.replay.checks import check_facts, check_number, check_string
from marl.replay.container import ReplayError, pack, read_replay, unpack
from marl.replay.film import Fact, Film
from marl.untrusted.bounds import TRACE_CHANNELS

MAGIC = b"MARLTRC2"  # the last digit is the version
EXTENSION = ".trace"
ENV_CONFIGS: dict[str, type[ClientConfig]] = {"sc2": Sc2Config, "sc2v2": Smacv2Config}
MAX_STEPS = 100_000


@cache
def rules_digest() -> str:
    """A digest of the present rules: the engine's sources, and the facts of units and maps."""
    digest = hashlib.sha256(sources_digest(Path(engine.__file__).parent).encode())
    for path in sorted(MAPS.glob("*.yaml")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


@dataclass(frozen=True)
class Trace:
    """One battle played on the engine."""

    env: str  # a key of ENV_CONFIGS
    options: dict[str, object]  # of the environment, nested
    seed: int
    actions: NDArray[np.int32]  # [steps,A]
    ignores_mask: bool  # a script's actions, legal or not
    outcome: dict[str, Fact]
    facts: dict[str, Fact] = field(default_factory=dict)  # player, time ...
    channels: ChannelArrays = field(default_factory=dict)  # by the learner
    digest: str = field(default_factory=rules_digest)

    def to_bytes(self) -> bytes:
        """The file's content."""
        levels, stored = pack_channels(self.channels, TRACE_CHANNELS)
        header = {
            "env": self.env,
            "options": self.options,
            "seed": str(self.seed),
            "ignores_mask": self.ignores_mask,
            "outcome": self.outcome,
            "facts": self.facts,
            "digest": self.digest,
            "channels": levels,
        }
        actions = self.actions.astype("<i4")
        return pack(MAGIC, header, {"actions": actions, **stored})

    @staticmethod
    def from_bytes(data: bytes, what: str = "trace") -> Trace:
        """A trace from a file's content, all checked. what: its name in error messages."""
        header, arrays = unpack(MAGIC, data, what)
        try:
            channels = unpack_channels(header["channels"], arrays, TRACE_CHANNELS)
            actions = arrays["actions"]
            if set(arrays) != {"actions"} or actions.ndim != 2 or actions.dtype != "<i4":
                raise ValueError("its actions are no table of integers")
            check_number(len(actions), 0, MAX_STEPS)
            return Trace(
                env=check_string(header["env"]),
                options=_mapping(header["options"]),
                seed=check_number(int(check_string(header["seed"])), 0, 2**64 - 1),
                actions=actions,
                ignores_mask=header["ignores_mask"] is True,
                outcome=check_facts(header["outcome"]),
                facts=check_facts(header["facts"]),
                channels=channels,
                digest=check_string(header["digest"]),
            )
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise ReplayError(f"{what}: {error}") from None

    def save(self, path: Path) -> None:
        """Write the file."""
        path.write_bytes(self.to_bytes())

    @staticmethod
    def load(path: Path) -> Trace:
        """Read the file."""
        return Trace.from_bytes(read_replay(path), str(path))


def _mapping(value: object) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError("its options are no mapping")
    return dict(value)


def env_of(config: EnvConfig) -> tuple[str, dict[str, object]]:
    """`env` and `options` of a trace; ReplayError if the environment is no battle on the engine."""
    for name, cls in ENV_CONFIGS.items():
        if isinstance(config, cls) and config.backend == "engine":
            return name, to_mapping(config)
    raise ReplayError(
        "only battles on the engine can be traced (--env-config=sc2 or sc2v2, backend=engine)"
    )


def build(trace: Trace) -> SmacEnv:
    """The trace's environment, with one battle."""
    if trace.digest != rules_digest():
        raise ReplayError(
            f"the trace was played by other rules ({trace.digest}, now {rules_digest()}): the same "
            "actions would give another battle; open its film (.html page) instead"
        )
    cls = ENV_CONFIGS.get(trace.env)
    if cls is None:
        raise ReplayError(f"the trace is of {trace.env!r}; there are: {', '.join(ENV_CONFIGS)}")
    try:
        config: Any = parse(cls, trace.options)
    except ConfigError as error:
        raise ReplayError(f"the trace's options: {error}") from None
    if config.backend != "engine":  # it would start a program named by the file
        raise ReplayError(
            f"the trace asks for backend={config.backend}; traces are played on the engine only"
        )
    env: SmacEnv = config.build(1, 1)
    if trace.actions.shape[1] != env.spec.n_agents:
        env.close()
        raise ReplayError(f"the trace has actions of {trace.actions.shape[1]} agents")
    return env


def film_of(trace: Trace, every: int = 1) -> Film:
    """Play the battle again and film it. every: loops between frames.

    ReplayError if the rules have changed, or the battle's outcome differs from the trace's.
    """
    env = build(trace)
    try:
        env.reset(np.array([trace.seed], dtype=np.uint64))
        camera = Camera(env.battles, 0, trace.seed, trace.facts, every)
        play = env.command if trace.ignores_mask else env.step
        record = env.battles.record
        for actions in trace.actions.astype(np.int64):
            if record.terminated[0] or record.truncated[0]:
                raise ReplayError("the trace goes on after the battle's end")
            camera.step(actions, trace.ignores_mask, lambda a=actions: play(a[None]))  # type: ignore
        outcomes = {name: float(values[0]) for name, values in env.outcomes().items()}
        expected = {name: trace.outcome[name] for name in outcomes if name in trace.outcome}
        if expected != {name: outcomes[name] for name in expected}:
            raise ReplayError(f"the trace says {expected}, but the battle ended with {outcomes}")
        return camera.finish(trace.outcome).with_channels(trace.channels)
    finally:
        env.close()
