"""The layers of a plan: from the files that are named, or from the folder of a run."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from marl.cli.arguments import EXAMPLE, Arguments
from marl.cli.offline import offline_layers, said_beside
from marl.cli.plugins import Plugins, listed
from marl.config.code import Named
from marl.config.files import (
    COMMAND_LINE,
    CONFIGS,
    Layers,
    available,
    chain,
    display_path,
    find,
    read,
)
from marl.config.schema import field_types, flatten
from marl.errors import ConfigError
from marl.run import trust
from marl.run.folder import read_config, run_folder

# Where parts register; what is in no file of configs/ can only be known if one was imported.
REGISTRIES = ("marl.registry", "marl.envs.registry")
# They ask for something once, so a recorded run's values are never taken over.
ONCE = ("resume", "checkpoint", "load_step", "episodes", "max_seconds", "video")


@dataclass
class Draft:
    """The layers so far, and the names of the files that they came from."""

    layers: Layers
    config: str
    env_config: str
    folder: Path | None = None  # of the run or dataset that they are of
    before: Mapping[str, str] | None = None  # the sources that this run recorded
    said: Mapping[str, object] = field(default_factory=dict)  # dotted key -> value, by the user
    offline: bool = False  # the folder is a dataset's, and the run is to learn from it

    def refuse_unsaid(self, named: Named) -> None:
        """ConfigError for a program or module that the run's folder names and the user has not."""
        if self.folder is None:
            trust.say(named)
        else:
            trust.refuse_unsaid(self.folder, named, self.said)


def fresh(arguments: Arguments, plugins: Plugins) -> Draft:
    """default <- environment <- algorithm <- command line."""
    config, env_config = arguments.config, arguments.env_config
    if arguments.command == "bench":  # it measures the main job unless told otherwise
        config, env_config = config or EXAMPLE["config"], env_config or EXAMPLE["env-config"]
    for flag, name in {"config": config, "env-config": env_config}.items():
        if name is None:
            raise ConfigError(f"--{flag}=NAME is missing; there are: {', '.join(available(flag))}")
    assert config is not None
    assert env_config is not None
    layers = Layers()
    layers.lay(read(CONFIGS / "default.yaml"), "configs/default.yaml")
    plugins.add(arguments.updates.get("plugins"))  # --config may name what they register
    updates = dict(arguments.updates)
    lay_file(layers, plugins, "env-config", env_config)
    offline = offline_layers(env_config, updates)
    if offline is not None:
        offline.lay_env(layers)
    lay_file(layers, plugins, "config", config)
    if offline is not None:
        offline.lay_data(layers)
    layers.lay(updates, COMMAND_LINE)
    draft = Draft(layers, Path(config).stem, Path(env_config).stem)
    if offline is not None:  # nothing that it names is started or imported unasked
        draft.folder, draft.said = offline.folder, said_beside(layers, offline)
        draft.offline = True
    return draft


def lay_file(layers: Layers, plugins: Plugins, flag: str, name: str) -> None:
    """Lay the file of that name and load its plugins, or choose what a plugin registered by it."""
    if name not in available(flag) and any(module in sys.modules for module in REGISTRIES):
        key, registered = registry(flag)
        if name in registered:
            layers.lay({key: name}, COMMAND_LINE)
            return
    for path, content in chain(flag, find(flag, name)):
        plugins.add(content.get("plugins"))
        layers.lay(content, display_path(path))


def registry(flag: str) -> tuple[str, Mapping[str, type]]:
    """What --config or --env-config chooses: its key in a file, and all of them by name."""
    from marl.envs.registry import ENVS
    from marl.registry import recipes

    return ("recipe", recipes()) if flag == "config" else ("env", ENVS)


def recorded(arguments: Arguments, plugins: Plugins) -> Draft | None:
    """The configuration of the run to resume or evaluate, and the command line over it."""
    key = "resume" if arguments.command == "train" else "checkpoint"
    path = arguments.updates.get(key)
    if path is None:
        return None
    folder = run_folder(str(path), key)
    values, sources = read_config(folder)
    config, env_config = str(values.get("config")), str(values.get("env_config"))
    _check_named(arguments, folder, config, env_config)
    plugins.add(arguments.updates.get("plugins"))
    said = _said(arguments, plugins, config, env_config)
    names = listed(values.get("plugins"))
    for name in names:
        trust.refuse_unsaid(folder, {"plugins": name}, {})
        plugins.add(name)
    plugins.names = list(dict.fromkeys([*names, *plugins.names]))  # in the run's own order
    layers = Layers()
    layers.values = {k: v for k, v in values.items() if k not in ONCE}
    layers.sources = sources
    if arguments.env_config is not None and Path(arguments.env_config).stem != env_config:
        env_config = Path(arguments.env_config).stem
        _replace_env(layers, plugins, arguments.env_config)
    layers.lay(arguments.updates, COMMAND_LINE)
    return Draft(layers, config, env_config, folder, sources, said)


def _said(
    arguments: Arguments, plugins: Plugins, config: str, env_config: str
) -> Mapping[str, object]:
    """Dotted key -> value of what the user says: on the command line, and in the files named there.

    config, env_config: the run's own names, which choose among the files of configs/ alone.
    """
    layers = Layers()
    given = {"env-config": arguments.env_config, "config": arguments.config}
    for flag, own in {"env-config": env_config, "config": config}.items():
        name = given[flag] or (own if own in available(flag) else None)
        if name is not None:
            lay_file(layers, plugins, flag, name)
    layers.lay(arguments.updates, COMMAND_LINE)
    return flatten(layers.values)


def _check_named(arguments: Arguments, folder: Path, config: str, env_config: str) -> None:
    """--config, if given, names the run's own; on resuming --env-config too."""
    given, env_given = arguments.config, arguments.env_config
    if given is not None and Path(given).stem != config:
        raise ConfigError(f"--config={given}: {folder} was trained with --config={config}")
    if arguments.command != "train" or env_given is None:
        return
    if Path(env_given).stem != env_config:
        raise ConfigError(
            f"--env-config={env_given}: {folder} was trained with --env-config={env_config}"
        )


def _replace_env(layers: Layers, plugins: Plugins, name: str) -> None:
    """Another environment instead of the recorded one, for an evaluation elsewhere."""
    from marl.envs.registry import ENVS

    old = ENVS.get(str(layers.values.get("env")))
    gone = {"env", *field_types(old)} if old is not None else {"env"}
    layers.values = {k: v for k, v in layers.values.items() if k not in gone}
    lay_file(layers, plugins, "env-config", name)
