"""Imports run one way: no circle between files or folders at any depth, and none that runs upwards.

The floors stand in `ORDER`: a part imports parts below it, never those above. The files and folders
within a folder may have any order, but make no circle. benchmarks/imports.py draws the picture.
"""

from __future__ import annotations

import pytest

from benchmarks.imports import (
    ROOT,
    circles,
    condensed,
    floors,
    packages,
    read_imports,
    reduced,
    within,
)

# The parts of marl/ from the top to the ground. Parts on one line do not import each other.
ORDER = [
    {"api", "__main__"},
    {"cli"},
    {"plots"},
    {"campaign"},
    {"collect", "doctor", "watch", "registry"},
    {"run", "sc2api", "single_agent"},
    {"algos", "replay"},
    {"encoders"},
    {"intrinsic", "learners", "scripted"},
    {"buffers", "controllers", "envs", "log", "quantizers", "runners"},
    {"nets"},
    {"datasets", "protocols", "returns"},
    {"batch"},
    {"config", "engine"},
    {"compiled", "untrusted"},
    {"errors", "program", "seeding", "spec"},
]

IMPORTS = read_imports(ROOT)


def test_files_import_each_other_in_no_circle():
    assert circles(IMPORTS) == []


@pytest.mark.parametrize("package", packages(ROOT))
def test_the_files_and_folders_of_a_folder_make_no_circle(package):
    assert circles(within(IMPORTS, package)) == []


def test_no_part_imports_what_stands_above_it():
    floor = {f"marl.{part}": height for height, parts in enumerate(ORDER) for part in parts}
    graph = within(IMPORTS)
    assert floor.keys() == graph.keys()
    wrong = [
        f"{part} -> {target}"
        for part, targets in graph.items()
        for target in targets
        if floor[target] <= floor[part]
    ]
    assert not wrong


def test_the_engine_imports_nothing_of_marl_but_errors_and_how_it_is_compiled():
    inside = {name for name in IMPORTS if name.startswith(("marl.engine", "marl.compiled"))}
    outside = set().union(*(IMPORTS[name] for name in inside)) - inside
    assert outside <= {"marl.errors", "marl"}
    assert not any(name.startswith("marl.engine") for name in IMPORTS["marl.compiled.jit"])


def test_only_recipes_bring_concrete_parts_together():
    """A learner, a runner or a bonus knows the parts that it is given by their seams alone."""
    apart = [
        ("marl.runners", "marl.controllers"),
        ("marl.runners", "marl.learners"),
        ("marl.runners", "marl.buffers"),
        ("marl.learners", "marl.intrinsic"),
        ("marl.learners", "marl.buffers"),
        ("marl.intrinsic", "marl.learners"),
        ("marl.run.trainer", "marl.learners"),
        ("marl.run.training_state", "marl.learners"),
        ("marl.run.training_state", "marl.controllers"),
        ("marl.run.training_state", "marl.buffers"),
        ("marl.run.trainer", "marl.controllers"),
        ("marl.run.trainer", "marl.buffers"),
    ]
    for part, other in apart:
        for name in IMPORTS:
            if name == part or name.startswith(part + "."):
                hits = {t for t in IMPORTS[name] if t == other or t.startswith(other + ".")}
                assert not hits, f"{name} imports {sorted(hits)}"


def test_a_circle_is_found_and_stands_on_one_floor():
    graph = {"a": {"b", "d"}, "b": {"c"}, "c": {"b", "d"}, "d": set()}
    assert circles(graph) == [["b", "c"]]
    assert floors(condensed(graph)) == [["d"], ["b + c"], ["a"]]
    assert reduced(condensed(graph)) == {"a": {"b + c"}, "b + c": {"d"}, "d": set()}
