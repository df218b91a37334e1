"""From the command line and the YAML files to a Plan."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from marl.cli.arguments import COMMANDS, TOOLS, Arguments
from marl.cli.drafts import Draft, fresh, lay_file, recorded, registry
from marl.cli.misspelt import refuse_misspelt
from marl.cli.offline import offline_layers, said_beside
from marl.cli.plugins import Plugins
from marl.config.code import code_named
from marl.config.files import CODE, COMMAND_LINE, Layers
from marl.config.hints import nearest_or_plugin
from marl.config.schema import default_kinds, field_types, flatten, to_mapping
from marl.config.split import split_parse
from marl.config.values import described
from marl.errors import ConfigError, nearest_or_all
from marl.program import PROGRAM
from marl.run import trust
from marl.run.folder import read_config, run_folder
from marl.run.plan import REPLAY_SIZE, Plan, RunConfig

if TYPE_CHECKING:
    from marl.protocols.environments import EnvConfig

# What needs no environment and no algorithm is refused before the registries are imported: with
# torch and numba they take seconds.

# Keys of config.yaml that name what the run is made of, and the flag that chooses each.
# Everything else is a setting.
NAMES = {
    "recipe": "--config",
    "env": "--env-config",
    "config": "--config",
    "env_config": "--env-config",
}
# They play what was learnt, from a checkpoint, or a scripted player.
PLAYS = ("evaluate", "replay")
# A resumed run must stay the run that it was.
FIXED = ("seed", "num_envs", "results_dir", "label")
# A resumed run may be told where its data is now; whether it is the same shows when it is read. And
# how much its replay holds from now on: another machine has more or less memory.
MOVABLE = ("buffer.path", *REPLAY_SIZE)


def make_plan(arguments: Arguments) -> Plan:
    """Everything merged and parsed; nothing is written."""
    _check_command(arguments)
    plugins = Plugins()
    draft = recorded(arguments, plugins) or fresh(arguments, plugins)
    layers = draft.layers
    layers.values["plugins"] = plugins.names
    _check_run_options(layers)
    refuse_misspelt(draft, arguments.updates, plugins.names)

    from marl.envs.registry import ENVS
    from marl.registry import recipes

    known = recipes()
    recipe_name = _registered(layers, "recipe", known, f"--config={draft.config}")
    _check_recipe(arguments, recipe_name)
    if draft.offline:
        _check_learns_offline(recipe_name, known[recipe_name])
    env_name = _registered(layers, "env", ENVS, f"--env-config={draft.env_config}")
    if draft.before is None:  # what a run recorded names every kind
        # So that a file or a flag that names another kind drops what was set for the default one.
        layers.lay_below(default_kinds(ENVS[env_name]) | default_kinds(known[recipe_name]), CODE)
        layers.values["plugins"] = plugins.names
    _draw_seed(layers)
    settings = {key: value for key, value in layers.values.items() if key not in NAMES}
    parts: dict[str, type] = {
        "run": RunConfig,
        "env": ENVS[env_name],
        "recipe": known[recipe_name],
    }
    parsed = split_parse(settings, parts, layers.sources, _elsewhere(env_name, recipe_name))
    draft.refuse_unsaid({**code_named(parsed["env"]), **code_named(parsed["recipe"])})
    values = _values(parsed)
    sources = layers.sources | _sources_of_repeated(arguments, draft, parts, flatten(values))
    names = {
        "recipe": recipe_name,
        "env": env_name,
        "config": draft.config,
        "env_config": draft.env_config,
    }
    values = {**names, **values}
    if arguments.command == "replay" or parsed["run"].save_replay:
        from marl.protocols.environments import FilmedConfig
        from marl.registry import LEARNERS
        from marl.replay.trace import env_of

        filmed = recipe_name in LEARNERS and isinstance(parsed["env"], FilmedConfig)
        if parsed["run"].save_replay or not filmed:
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
        sources={key: sources.get(key, CODE) for key in flatten(values)}
        | {"config": COMMAND_LINE, "env_config": COMMAND_LINE},
    )


def _values(parsed: Mapping[str, Any]) -> dict[str, object]:
    """Every key of all parts, nested."""
    return {key: value for part in parsed.values() for key, value in to_mapping(part).items()}


def _sources_of_repeated(
    arguments: Arguments, draft: Draft, parts: Mapping[str, type], values: Mapping[str, object]
) -> dict[str, str]:
    """Sources of what the command line only says again: it changes nothing and is in no name.

    values: the run's, by dotted key.
    """
    given = [key for key, source in draft.layers.sources.items() if source == COMMAND_LINE]
    if draft.before is not None:
        if arguments.command != "train":
            return {}
        # A resumed run keeps all that is not free.
        said = set(flatten(arguments.updates)) - {*field_types(RunConfig), *MOVABLE}
        return {key: draft.before[key] for key in said if key in draft.before}
    below = Layers()
    for mapping, source in draft.layers.laid:
        if source != COMMAND_LINE:
            below.lay({k: v for k, v in mapping.items() if k not in NAMES}, source)
    try:
        before = flatten(_values(split_parse(below.values, parts)))
    except ConfigError:  # without the command line it is no run
        return {}
    again = [key for key in given if key in before and before[key] == values.get(key)]
    return {key: f"{COMMAND_LINE}, as {below.sources.get(key, CODE)}" for key in again}


def make_env_config(name: str, updates: Mapping[str, object]) -> EnvConfig:
    """The options of an environment alone, as `--env-config=name with ...` would have them."""
    plugins, layers, own = Plugins(), Layers(), dict(updates)
    plugins.add(updates.get("plugins"))
    lay_file(layers, plugins, "env-config", name)
    offline = offline_layers(name, own)
    if offline is not None:
        offline.lay_env(layers)
    layers.lay(own, COMMAND_LINE)
    layers.values["plugins"] = plugins.names
    _, known = registry("env-config")
    env_name = _registered(layers, "env", known, f"--env-config={name}")
    settings = {key: value for key, value in layers.values.items() if key not in NAMES}
    config: EnvConfig = split_parse(
        settings, {"run": RunConfig, "env": known[env_name]}, layers.sources
    )["env"]
    if offline is not None:
        trust.refuse_unsaid(offline.folder, code_named(config), said_beside(layers, offline))
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


def _check_run_options(layers: Layers) -> None:
    """The values of the run's own keys fit."""
    own = {key: layers.values[key] for key in field_types(RunConfig) if key in layers.values}
    split_parse(own, {"run": RunConfig}, layers.sources)


def _check_recipe(arguments: Arguments, recipe: str) -> None:
    """A learner is evaluated from a checkpoint; a scripted player has none and isn't trained."""
    from marl.registry import PLAYERS

    flag = f"--config={arguments.config}"
    if recipe in PLAYERS:
        if arguments.command == "train":
            raise ConfigError(
                f"{flag}: a scripted player has nothing to learn; to see how it fares: "
                f"{PROGRAM} evaluate {flag} --env-config={arguments.env_config}"
            )
        if arguments.command == "evaluate" and arguments.updates.get("save_replay"):
            raise ConfigError(
                f"save_replay: is for what learns; to watch a scripted player: "
                f"{PROGRAM} replay {flag} --env-config={arguments.env_config}"
            )
    elif arguments.command in PLAYS and arguments.updates.get("checkpoint") is None:
        raise ConfigError(
            f"checkpoint: {arguments.command} needs one for {flag}: with checkpoint=<run folder>; "
            f"players that need none: {', '.join(PLAYERS)}"
        )


def _check_learns_offline(name: str, recipe: type) -> None:
    """ConfigError for a recipe that learns from nothing but what it collects itself."""
    from marl.algos.replay import ReplayRecipeConfig

    if not issubclass(recipe, ReplayRecipeConfig):
        raise ConfigError(
            f"--env-config=offline: the recipe {name} keeps no experience to learn from again; "
            "take one with a replay, for example --config=td3 or dqn"
        )


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
    if not isinstance(name, str):
        raise ConfigError(
            f"{key}: expects a name, got {described(name)} [{layers.sources.get(key)}]"
        )
    if name not in known:
        hint = nearest_or_plugin(name, sorted(known))
        source = layers.sources.get(key)
        raise ConfigError(f"{key}: {name!r} is unknown; {hint} [{source}]")
    return name


def _draw_seed(layers: Layers) -> None:
    """A seed where none was given, so that every run can be repeated."""
    if layers.values.get("seed") in (None, "none", "null"):
        layers.lay({"seed": secrets.randbelow(2**31)}, "drawn")
