"""From the command line and the YAML files to a Plan."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from marl.cli.arguments import COMMANDS, EXAMPLE, TOOLS, Arguments
from marl.cli.plugins import Plugins
from marl.config.files import (
    CODE,
    COMMAND_LINE,
    CONFIGS,
    Layers,
    available,
    chain,
    display_path,
    find,
    read,
)
from marl.config.hints import nearest_or_plugin
from marl.config.schema import field_types, flatten, split_parse, to_mapping
from marl.errors import ConfigError, nearest_or_all
from marl.protocols import EnvConfig
from marl.run.folder import read_config, run_folder
from marl.run.plan import REPLAY_SIZE, Plan, RunConfig

# Keys of config.yaml that name what the run is made of, and the flag that chooses each.
# Everything else is a setting.
NAMES = {
    "recipe": "--config",
    "env": "--env-config",
    "config": "--config",
    "env_config": "--env-config",
}
# They ask for something once, so a recorded run's values are never taken over.
ONCE = ("resume", "checkpoint", "load_step", "episodes", "max_seconds", "video")
# They play what was learnt, from a checkpoint, or a scripted player.
PLAYS = ("evaluate", "replay")
# A resumed run must stay the run that it was.
FIXED = ("seed", "num_envs", "results_dir", "label")
# A resumed run may be told where its data is now; whether it is the same shows when it is read. And
# how much its replay holds from now on: another machine has more or less memory.
MOVABLE = ("buffer.path", *REPLAY_SIZE)


@dataclass
class Draft:
    """The layers so far, and the names of the files that they came from."""

    layers: Layers
    config: str
    env_config: str


def make_plan(arguments: Arguments) -> Plan:
    """Everything merged and parsed; nothing is written."""
    from marl.envs.registry import ENVS
    from marl.registry import recipes

    _check_command(arguments)
    plugins = Plugins()
    draft = _recorded(arguments, plugins) or _fresh(arguments, plugins)
    layers = draft.layers
    layers.values["plugins"] = plugins.names
    known = recipes()
    recipe_name = _registered(layers, "recipe", known, f"--config={draft.config}")
    _check_recipe(arguments, recipe_name)
    env_name = _registered(layers, "env", ENVS, f"--env-config={draft.env_config}")
    _draw_seed(layers)
    settings = {key: value for key, value in layers.values.items() if key not in NAMES}
    parts: dict[str, type] = {
        "run": RunConfig,
        "env": ENVS[env_name],
        "recipe": known[recipe_name],
    }
    parsed = split_parse(settings, parts, layers.sources, _elsewhere(env_name, recipe_name))
    names = {
        "recipe": recipe_name,
        "env": env_name,
        "config": draft.config,
        "env_config": draft.env_config,
    }
    values = dict(names) | {k: v for part in parsed.values() for k, v in to_mapping(part).items()}
    if arguments.command == "replay" or parsed["run"].save_replay:
        from marl.replay.trace import env_of

        env_of(parsed["env"])  # refuses what can't be recorded
    if arguments.command == "train" and parsed["run"].resume is not None:
        _check_unchanged(values, run_folder(parsed["run"].resume, "resume"))
    return Plan(
        command=arguments.command,
        run=parsed["run"],
        env=parsed["env"],
        recipe=parsed["recipe"],
        env_name=env_name,
        recipe_name=recipe_name,
        config_name=draft.config,
        env_config_name=draft.env_config,
        values=values,
        sources={key: layers.sources.get(key, CODE) for key in flatten(values)}
        | {"config": COMMAND_LINE, "env_config": COMMAND_LINE},
    )


def make_env_config(name: str, updates: Mapping[str, object]) -> EnvConfig:
    """The options of an environment alone, as `--env-config=name with ...` would have them."""
    plugins, layers = Plugins(), Layers()
    plugins.add(updates.get("plugins"))
    _lay_file(layers, plugins, "env-config", name)
    layers.lay(updates, COMMAND_LINE)
    layers.values["plugins"] = plugins.names
    _, known = _registry("env-config")
    env_name = _registered(layers, "env", known, f"--env-config={name}")
    settings = {key: value for key, value in layers.values.items() if key not in NAMES}
    config: EnvConfig = split_parse(
        settings, {"run": RunConfig, "env": known[env_name]}, layers.sources
    )["env"]
    return config


def _check_command(arguments: Arguments) -> None:
    """The command exists, and what stands after `with` may stand there."""
    command = arguments.command
    if command not in COMMANDS:
        known = (*COMMANDS, *TOOLS)
        raise ConfigError(f"{command!r} is not a command; {nearest_or_all(command, known)}")
    updates = arguments.updates
    for name, flag in NAMES.items():
        if name in updates:
            raise ConfigError(f"{name}: choose it with {flag}=NAME, before the word 'with'")
    if command == "train" and updates.get("checkpoint") is not None:
        raise ConfigError("checkpoint: belongs to evaluate; to go on with a run: resume=<folder>")
    if command in PLAYS and updates.get("resume") is not None:
        raise ConfigError(f"resume: belongs to train; to {command} a run: checkpoint=<folder>")
    if command in PLAYS and updates.get("checkpoint") is None and arguments.config is None:
        raise ConfigError(
            f"checkpoint: {command} needs one: with checkpoint=<run folder>; or a player that "
            "needs none, for example --config=heuristic --env-config=sc2"
        )


def _check_recipe(arguments: Arguments, recipe: str) -> None:
    """A learner is evaluated from a checkpoint; a scripted player has none and isn't trained."""
    from marl.registry import PLAYERS

    flag = f"--config={arguments.config}"
    if recipe in PLAYERS:
        if arguments.command == "train":
            raise ConfigError(
                f"{flag}: a scripted player has nothing to learn; to see how it fares: "
                f"python run.py evaluate {flag} --env-config={arguments.env_config}"
            )
        if arguments.command == "evaluate" and arguments.updates.get("save_replay"):
            raise ConfigError(
                f"save_replay: is for what learns; to watch a scripted player: "
                f"python run.py replay {flag} --env-config={arguments.env_config}"
            )
    elif arguments.command in PLAYS and arguments.updates.get("checkpoint") is None:
        raise ConfigError(
            f"checkpoint: {arguments.command} needs one for {flag}: with checkpoint=<run folder>; "
            f"players that need none: {', '.join(PLAYERS)}"
        )


def _fresh(arguments: Arguments, plugins: Plugins) -> Draft:
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
    _lay_file(layers, plugins, "env-config", env_config)
    _lay_file(layers, plugins, "config", config)
    layers.lay(arguments.updates, COMMAND_LINE)
    return Draft(layers, Path(config).stem, Path(env_config).stem)


def _lay_file(layers: Layers, plugins: Plugins, flag: str, name: str) -> None:
    """Lay the file of that name and load its plugins, or choose what a plugin registered by it."""
    key, registered = _registry(flag)
    if name in registered and name not in available(flag):
        layers.lay({key: name}, COMMAND_LINE)
        return
    for path, content in chain(flag, find(flag, name)):
        plugins.add(content.get("plugins"))
        layers.lay(content, display_path(path))


def _registry(flag: str) -> tuple[str, Mapping[str, type]]:
    """What --config or --env-config chooses: its key in a file, and all of them by name."""
    from marl.envs.registry import ENVS
    from marl.registry import recipes

    return ("recipe", recipes()) if flag == "config" else ("env", ENVS)


def _recorded(arguments: Arguments, plugins: Plugins) -> Draft | None:
    """The configuration of the run to resume or evaluate, and the command line over it."""
    key = "resume" if arguments.command == "train" else "checkpoint"
    path = arguments.updates.get(key)
    if path is None:
        return None
    folder = run_folder(str(path), key)
    values, sources = read_config(folder)
    config, env_config = str(values.get("config")), str(values.get("env_config"))
    layers = Layers()
    layers.values = {k: v for k, v in values.items() if k not in ONCE}
    layers.sources = sources
    for source in (values, arguments.updates):
        plugins.add(source.get("plugins"))
    _check_named(arguments, folder, config, env_config)
    if arguments.env_config is not None and Path(arguments.env_config).stem != env_config:
        env_config = Path(arguments.env_config).stem
        _replace_env(layers, plugins, arguments.env_config)
    layers.lay(arguments.updates, COMMAND_LINE)
    return Draft(layers, config, env_config)


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
    _lay_file(layers, plugins, "env-config", name)


def _check_unchanged(values: Mapping[str, object], folder: Path) -> None:
    """A resumed run may change how it is run, not what it is."""
    free = {*field_types(RunConfig), *NAMES} - set(FIXED)
    recorded = flatten(read_config(folder)[0])
    for key, value in flatten(values).items():
        if key in MOVABLE:
            continue
        if key.split(".")[0] not in free and key in recorded and recorded[key] != value:
            raise ConfigError(
                f"{key}: {folder} was trained with {recorded[key]!r}, and a resumed run keeps it; "
                f"start a new run to use {value!r}"
            )


def _elsewhere(env_name: str, recipe_name: str) -> dict[str, str]:
    """Keys of the environments and recipes that were not chosen -> whose they are."""
    from marl.envs.registry import ENVS
    from marl.registry import recipes

    envs = [(cls, f"env {name}") for name, cls in ENVS.items() if name != env_name]
    others = [(cls, f"recipe {name}") for name, cls in recipes().items() if name != recipe_name]
    chosen = f"this run has env {env_name} and recipe {recipe_name}"
    owners: dict[str, list[str]] = {}
    for cls, owner in [*envs, *others]:
        for key in field_types(cls):
            owners.setdefault(key, []).append(owner)
    return {key: f"{' or '.join(names)}; {chosen}" for key, names in owners.items()}


def _registered(layers: Layers, key: str, known: Mapping[str, Any], flag: str) -> str:
    """The registry name that the files gave under `key`."""
    name = layers.values.get(key)
    if name is None:
        raise ConfigError(f"{flag}: the file has no line '{key}: NAME'; known: {sorted(known)}")
    if name not in known:
        hint = nearest_or_plugin(str(name), sorted(known))
        source = layers.sources.get(key)
        raise ConfigError(f"{key}: {name!r} is unknown; {hint} [{source}]")
    return str(name)


def _draw_seed(layers: Layers) -> None:
    """A seed where none was given, so that every run can be repeated."""
    if layers.values.get("seed") in (None, "none", "null"):
        layers.lay({"seed": secrets.randbelow(2**31)}, "drawn")
