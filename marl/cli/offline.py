"""`--env-config=offline with dataset=<folder>`: the layers that a dataset's folder stands for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from marl.config.files import Layers
from marl.config.schema import field_types, flatten
from marl.datasets.manifest import read_manifest
from marl.errors import ConfigError, nearest_or_all

NAME = "offline"  # of the file in configs/envs/
KEY = "dataset"
KINDS = {"rollout": "offline", "updates": "offline", "buffer": "dataset"}


class OfflineLayers:
    """What a dataset's folder says: the environment, and that the recipe learns from it."""

    def __init__(self, path: object) -> None:
        """ConfigError where no dataset lies there, or none that says its environment."""
        if not isinstance(path, str) or not path:
            raise ConfigError(f"{KEY}: --env-config={NAME} needs one: with {KEY}=<its folder>")
        self.folder = Path(path).expanduser()
        env = read_manifest(self.folder, KEY).env
        if not isinstance(env.get("env"), str):
            raise ConfigError(
                f"{KEY}: {self.folder} does not say what environment it is of; name it yourself: "
                f"--env-config=<name> with buffer.kind=dataset buffer.path={self.folder} "
                "rollout.kind=offline updates.kind=offline"
            )
        self.env = dict(env)
        self.source = f"dataset {self.folder}"
        self._refuse_further_keys()

    def _refuse_further_keys(self) -> None:
        """ConfigError for what is no setting of the environment: a dataset decides nothing else."""
        from marl.envs.registry import ENVS

        name = str(self.env["env"])
        if name not in ENVS:
            raise ConfigError(
                f"{KEY}: {self.folder} is of an environment {name[:40]!r}, which is not known "
                f"here; {nearest_or_all(name, ENVS)}"
            )
        further = sorted(self.env.keys() - {"env", *field_types(ENVS[name])})
        if further:
            raise ConfigError(
                f"{KEY}: {self.folder} sets {further[0][:40]!r}, which is no setting of {name}"
            )

    def lay_env(self, layers: Layers) -> None:
        """The environment's settings, in place of its file."""
        layers.values.pop(KEY, None)
        layers.laid = [(_without(laid), source) for laid, source in layers.laid]
        layers.lay(self.env, self.source)

    def lay_data(self, layers: Layers) -> None:
        """The recipe's parts, over its file. A first update waits for nothing."""
        sections: dict[str, dict[str, object]] = {k: {"kind": kind} for k, kind in KINDS.items()}
        sections["buffer"]["path"] = str(self.folder)
        sampler = layers.values.get("sampler")
        if isinstance(sampler, Mapping) and "start" in sampler:
            sections["sampler"] = {"start": 0}
        layers.lay(sections, self.source)


def offline_layers(env_config: str, updates: dict[str, object]) -> OfflineLayers | None:
    """Those of the dataset that is named, and `updates` without its key; None for other files."""
    return OfflineLayers(updates.pop(KEY, None)) if env_config == NAME else None


def said_beside(layers: Layers, offline: OfflineLayers) -> Mapping[str, object]:
    """Dotted key -> value of what the user says, the dataset not being asked."""
    said = Layers()
    for laid, source in layers.laid:
        if source != offline.source:
            said.lay(laid, source)
    return flatten(said.values)


def _without(mapping: Mapping[str, object]) -> Mapping[str, object]:
    return {key: value for key, value in mapping.items() if key != KEY}
