"""YAML configurations: found, merged and written, with the source of each value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from marl.config.hints import unknown_file
from marl.config.schema import TAGS, flatten, join
from marl.errors import ConfigError, UnreadableError
from marl.untrusted.bounds import YAML_BYTES
from marl.untrusted.files import read_text
from marl.untrusted.yamltext import load_yaml

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = (ROOT / "marl/data/configs").resolve()  # configs/ in a checkout
FOLDERS = {"config": "algs", "env-config": "envs"}
COMMAND_LINE = "command line"
CODE = "default"  # not set anywhere: the dataclass's own default


@dataclass
class Layers:
    """Mappings laid over one another; a later one wins key by key, also inside sections."""

    values: dict[str, object] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)  # dotted leaf -> source
    laid: list[tuple[Mapping[str, object], str]] = field(default_factory=list)  # with their sources

    def lay_below(self, mapping: Mapping[str, object], source: str) -> None:
        """Put `mapping` under all that was laid."""
        above, self.laid, self.values, self.sources = self.laid, [], {}, {}
        for one, where in [(mapping, source), *above]:
            self.lay(one, where)

    def lay(self, mapping: Mapping[str, object], source: str) -> None:
        """Put `mapping` on top."""
        self.laid.append((mapping, source))
        merge(self.values, mapping)
        leaves = flatten(self.values)
        sources = self.sources | dict.fromkeys(flatten(mapping), source)
        self.sources = {key: where for key, where in sources.items() if key in leaves}


def merge(base: dict[str, object], top: Mapping[str, object]) -> None:
    """Lay `top` over `base`, in place; sections merge, everything else is replaced.

    A section that is given another kind (a key of TAGS) is replaced too: settings of one kind
    (a batch of episodes, a step size of Adam) are not meant for the other.
    """
    for key, value in top.items():
        under = base.get(key)
        if isinstance(value, Mapping):
            section: dict[str, object] = {}
            if isinstance(under, Mapping) and not _changes_kind(under, value):
                section = dict(under)
            merge(section, value)
            base[key] = section
        else:
            base[key] = value


def _changes_kind(under: Mapping[str, object], top: Mapping[str, object]) -> bool:
    return any(tag in under and tag in top and under[tag] != top[tag] for tag in TAGS)


def read(path: Path) -> dict[str, object]:
    """The mapping in a YAML file; ConfigError names the file and the line."""
    try:
        return parse_text(read_text(path, YAML_BYTES), path)
    except UnreadableError as error:
        raise ConfigError(str(error)) from None


def parse_text(text: str, path: Path) -> dict[str, object]:
    """The mapping in the text of the YAML file `path`; UnreadableError otherwise."""
    content = load_yaml(text, display_path(path))
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise UnreadableError(f"{display_path(path)}: expects a mapping of keys to values")
    return content


def display_path(path: Path) -> str:
    """The path for messages: relative to the project if it lies inside."""
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


def available(flag: str) -> list[str]:
    """The names that --config or --env-config can choose."""
    return sorted(path.stem for path in (CONFIGS / FOLDERS[flag]).glob("*.yaml"))


def find(flag: str, name: str) -> Path:
    """The file of --config=name or --env-config=name; a path to a .yaml file is taken as it is."""
    if name.endswith((".yaml", ".yml")):
        file = Path(name).expanduser()
        if not file.is_file():
            raise ConfigError(f"--{flag}: there is no file {name}")
        return file.resolve()
    path = CONFIGS / FOLDERS[flag] / f"{name}.yaml"
    if name not in available(flag):
        hint = unknown_file(flag, name, available(flag))
        raise ConfigError(f"--{flag}: no {display_path(path)}; {hint}")
    return path


def chain(flag: str, path: Path) -> list[tuple[Path, dict[str, object]]]:
    """The file and the files it extends, the most basic one first."""
    files: list[tuple[Path, dict[str, object]]] = []
    while True:
        content = read(path)
        parent = content.pop("extends", None)
        files.insert(0, (path, content))
        if parent is None:
            return files
        if not isinstance(parent, str):
            raise ConfigError(f"{display_path(path)}: extends: expects a file in its folder")
        try:
            parent_path = find(flag, parent)
        except ConfigError as error:
            raise ConfigError(f"{display_path(path)}: extends: {error}") from None
        if any(parent_path == known for known, _ in files):
            names = " <- ".join(known.stem for known, _ in files)
            raise ConfigError(f"{display_path(path)}: extends: the files form a circle: {names}")
        path = parent_path


def dump(values: Mapping[str, object], sources: Mapping[str, str]) -> str:
    """YAML with the source of each value in a comment at the end of its line."""
    return "".join(_lines(values, sources, "", 0))


def _lines(
    values: Mapping[str, object], sources: Mapping[str, str], path: str, depth: int
) -> list[str]:
    lines = []
    for key, value in values.items():
        dotted, indent = join(path, key), "  " * depth
        if isinstance(value, Mapping) and value:
            lines.append(f"{indent}{key}:\n")
            lines += _lines(value, sources, dotted, depth + 1)
        else:
            dumped = yaml.safe_dump([value], default_flow_style=True, width=10**6).strip()[1:-1]
            lines.append(f"{indent}{key}: {dumped}  # {sources.get(dotted, CODE)}\n")
    return lines


def read_sources(text: str) -> dict[str, str]:
    """Dotted key -> source, from the comments that `dump` writes."""
    sources: dict[str, str] = {}
    path: list[str] = []
    for line in text.splitlines():
        key, colon, rest = line.strip().partition(":")
        if not colon or key.startswith("#"):
            continue
        depth = (len(line) - len(line.lstrip())) // 2
        path = [*path[:depth], key]
        if "  # " in rest:
            sources[".".join(path)] = rest.rpartition("  # ")[2]
    return sources
