"""Trace: a battle as its seed and its actions, from which the engine fights it again.

A trace takes a few kilobytes, a film some hundred. It is good for as long as the rules are those
that it was played by: the engine's sources and the files of maps/ (`rules_digest`).
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
from marl.config.schema import parse, to_mapping
from marl.engine.facts.scenario import MAPS
from marl.envs.smac import Sc2Config, SmacEnv
from marl.envs.smac_options import ClientConfig
from marl.envs.smacv2 import Smacv2Config
from marl.errors import ConfigError
from marl.protocols import EnvConfig
from marl.replay.camera import Camera
from marl.replay.channels import Channels, pack_channels, unpack_channels
from marl.replay.checks import check_facts, check_number, check_text
from marl.replay.container import ReplayError, pack, unpack
from marl.replay.film import Fact, Film

MAGIC = b"MARLTRC1"  # the last digit is the version
EXTENSION = ".trace"
BATTLES: dict[str, type[ClientConfig]] = {"sc2": Sc2Config, "sc2v2": Smacv2Config}
MOST_STEPS = 100_000


@cache
def rules_digest() -> str:
    """A name for the present rules: the engine's sources and the facts of units and maps."""
    digest = hashlib.sha256(engine.sources_digest(Path(engine.__file__).parent).encode())
    for path in sorted(MAPS.glob("*.yaml")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


@dataclass(frozen=True)
class Trace:
    """One battle that was played on the engine."""

    env: str  # a key of BATTLES
    options: dict[str, object]  # of the environment, nested
    seed: int
    actions: NDArray[np.int32]  # [steps,A]
    trusted: bool  # a script's orders, which the mask does not bind
    outcome: dict[str, Fact]
    facts: dict[str, Fact] = field(default_factory=dict)  # who played, when
    channels: Channels = field(default_factory=dict)  # what the learner adds
    digest: str = field(default_factory=rules_digest)

    def to_bytes(self) -> bytes:
        """The file's content."""
        levels, stored = pack_channels(self.channels)
        header = {
            "env": self.env,
            "options": self.options,
            "seed": str(self.seed),
            "trusted": self.trusted,
            "outcome": self.outcome,
            "facts": self.facts,
            "digest": self.digest,
            "channels": levels,
        }
        actions = self.actions.astype("<i4")
        return pack(MAGIC, header, {"actions": actions, **stored})

    @staticmethod
    def from_bytes(data: bytes, what: str = "trace") -> Trace:
        """A trace, every part of it checked. what: its name in the error's line."""
        header, arrays = unpack(MAGIC, data, what)
        try:
            channels = unpack_channels(header["channels"], arrays)
            actions = arrays["actions"]
            if set(arrays) != {"actions"} or actions.ndim != 2 or actions.dtype != "<i4":
                raise ValueError("its actions are no table of whole numbers")
            check_number(len(actions), 0, MOST_STEPS)
            return Trace(
                env=check_text(header["env"]),
                options=_mapping(header["options"]),
                seed=check_number(int(check_text(header["seed"])), 0, 2**64 - 1),
                actions=actions,
                trusted=header["trusted"] is True,
                outcome=check_facts(header["outcome"]),
                facts=check_facts(header["facts"]),
                channels=channels,
                digest=check_text(header["digest"]),
            )
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise ReplayError(f"{what}: {error}") from None

    def save(self, path: Path) -> None:
        """Write the file."""
        path.write_bytes(self.to_bytes())

    @staticmethod
    def load(path: Path) -> Trace:
        """Read the file."""
        return Trace.from_bytes(path.read_bytes(), str(path))


def _mapping(value: object) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError("its options are no mapping")
    return dict(value)


def env_of(config: EnvConfig) -> tuple[str, dict[str, object]]:
    """A battle's `env` and `options`; ReplayError where the environment is no battle of ours."""
    for name, cls in BATTLES.items():
        if isinstance(config, cls) and config.backend == "engine":
            return name, to_mapping(config)
    raise ReplayError(
        "only battles on the engine can be traced (--env-config=sc2 or sc2v2, backend=engine)"
    )


def build(trace: Trace) -> SmacEnv:
    """The trace's battle, one of it."""
    if trace.digest != rules_digest():
        raise ReplayError(
            f"the trace was played by other rules ({trace.digest}, now {rules_digest()}): the same "
            f"actions would give another battle; open its film ({'.html'} page) instead"
        )
    cls = BATTLES.get(trace.env)
    if cls is None:
        raise ReplayError(f"the trace is of {trace.env!r}; there are: {', '.join(BATTLES)}")
    try:
        config: Any = parse(cls, trace.options)
    except ConfigError as error:
        raise ReplayError(f"the trace's options: {error}") from None
    if config.backend != "engine":  # it would start programs that the file names
        raise ReplayError(
            f"the trace asks for backend={config.backend}; only engine is fought again"
        )
    env: SmacEnv = config.build(1, 1)
    if trace.actions.shape[1] != env.spec.n_agents:
        env.close()
        raise ReplayError(f"the trace has actions of {trace.actions.shape[1]} agents")
    return env


def film_of(trace: Trace, every: int = 1) -> Film:
    """Fight the battle again and film it. every: loops between frames.

    ReplayError where the rules are others now, or it does not end as it did.
    """
    env = build(trace)
    try:
        env.reset(np.array([trace.seed], dtype=np.uint64))
        camera = Camera(env.battles, 0, trace.seed, trace.facts, every)
        play = env.command if trace.trusted else env.step
        record = env.battles.record
        for actions in trace.actions.astype(np.int64):
            if record.terminated[0] or record.truncated[0]:
                raise ReplayError("the trace goes on after the battle's end")
            camera.step(actions, trace.trusted, lambda a=actions: play(a[None]))  # type: ignore
        again = {name: float(values[0]) for name, values in env.outcomes().items()}
        told = {name: trace.outcome[name] for name in again if name in trace.outcome}
        if told != {name: again[name] for name in told}:
            raise ReplayError(f"the trace says {told}, but the battle came to {again}")
        return camera.finish(trace.outcome).with_channels(trace.channels)
    finally:
        env.close()
