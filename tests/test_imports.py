"""Imports run one way: no circle between files or folders at any depth, and none that runs upwards.

The floors stand in `ORDER`: a part imports what stands below it, never what stands above. Within a
folder the same holds of its files and folders, in whatever order they come: no circle.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "marl"

# The parts of marl/ from the top to the ground. What shares a line does not import each other.
ORDER = [
    {"api"},
    {"cli"},
    {"doctor", "watch", "registry"},
    {"run", "sc2api", "single_agent"},
    {"algos", "replay"},
    {"intrinsic", "learners", "scripted"},
    {"buffers", "controllers", "envs", "log", "quantizers", "runners"},
    {"nets"},
    {"protocols"},
    {"batch"},
    {"config", "engine"},
    {"errors", "seeding", "spec"},
]


def modules() -> dict[str, Path]:
    """Dotted name -> file of every module of marl; a package is its __init__.py."""
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def imports_of(name: str) -> set[str]:
    """The modules of marl that a module imports, wherever in the file that stands."""
    tree = ast.parse(MODULES[name].read_text(encoding="utf-8"))
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            inside = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {item if item in MODULES else node.module for item in inside}
    return {item for item in found if item in MODULES and item != name}


IMPORTS = {name: imports_of(name) for name in MODULES}


def within(package: str) -> dict[str, set[str]]:
    """The files and folders directly in a package, and which of each other they import."""
    depth = package.count(".") + 1
    graph: dict[str, set[str]] = {}

    def child(name: str) -> str | None:
        parts = name.split(".")
        inside = name.startswith(package + ".") and len(parts) > depth
        return ".".join(parts[: depth + 1]) if inside else None

    for name, targets in IMPORTS.items():
        own = child(name)
        if own is not None:
            graph.setdefault(own, set()).update(
                other for other in map(child, targets) if other is not None and other != own
            )
    return graph


def circles(graph: dict[str, set[str]]) -> Iterator[list[str]]:
    """A way round for each edge that closes one."""
    done: set[str] = set()

    def walk(node: str, way: list[str]) -> Iterator[list[str]]:
        if node in way:
            yield [*way[way.index(node) :], node]
        elif node not in done:
            for target in sorted(graph.get(node, ())):
                yield from walk(target, [*way, node])
            done.add(node)

    for start in sorted(graph):
        yield from walk(start, [])


PACKAGES = sorted(name for name, path in MODULES.items() if path.name == "__init__.py")


def test_files_import_each_other_in_no_circle():
    assert not [" -> ".join(way) for way in circles(IMPORTS)]


@pytest.mark.parametrize("package", PACKAGES)
def test_what_lies_in_a_folder_makes_no_circle(package):
    assert not [" -> ".join(way) for way in circles(within(package))]


def test_no_part_imports_what_stands_above_it():
    floor = {f"marl.{part}": height for height, parts in enumerate(ORDER) for part in parts}
    graph = within("marl")
    assert floor.keys() == graph.keys()
    wrong = [
        f"{part} -> {target}"
        for part, targets in graph.items()
        for target in targets
        if floor[target] <= floor[part]
    ]
    assert not wrong


def test_the_engine_imports_nothing_of_marl_but_its_errors():
    inside = {name for name in MODULES if name.startswith("marl.engine")}
    outside = set().union(*(IMPORTS[name] for name in inside)) - inside
    assert outside <= {"marl.errors", "marl"}


def test_only_recipes_bring_concrete_parts_together():
    """What a learner, a controller or a bonus is given, it knows by its seam alone."""
    apart = [
        ("marl.runners", "marl.controllers"),
        ("marl.runners", "marl.learners"),
        ("marl.runners", "marl.buffers"),
        ("marl.learners", "marl.intrinsic"),
        ("marl.learners", "marl.buffers"),
        ("marl.intrinsic", "marl.learners"),
        ("marl.run.train", "marl.learners"),
        ("marl.run.train", "marl.controllers"),
        ("marl.run.train", "marl.buffers"),
    ]
    for part, other in apart:
        for name in MODULES:
            if name == part or name.startswith(part + "."):
                hits = {t for t in IMPORTS[name] if t == other or t.startswith(other + ".")}
                assert not hits, f"{name} imports {sorted(hits)}"
