"""Imports point one way: engine <- envs, nets <- controllers <- learners <- recipes <- the loop."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "marl"

BASE = {"spec", "batch", "protocols", "config", "errors", "ragged"}
ALLOWED = {
    "engine": {"errors"},
    "envs": BASE | {"engine", "seeding"},
    "nets": BASE,
    "quantizers": BASE,
    "controllers": BASE | {"nets"},
    "buffers": BASE,
    "intrinsic": BASE | {"quantizers"},
    "learners": BASE | {"controllers", "nets"},
    "sc2api": {"errors", "engine", "replay", "doctor"},
    "scripted": BASE | {"engine", "envs"},
    "runners": BASE | {"clock", "seeding"},
}


def imported(path: Path) -> set[str]:
    """The parts of marl that a file imports: `marl.nets.mixers` -> nets."""
    names = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            if node.module == "marl":
                names += [f"marl.{alias.name}" for alias in node.names]
            else:
                names.append(node.module)
    return {name.split(".")[1] for name in names if name.startswith("marl.")}


@pytest.mark.parametrize("part", sorted(ALLOWED))
def test_part_imports_only_what_is_below_it(part):
    files = sorted((ROOT / part).glob("*.py"))
    assert len(files) > 1
    for path in files:
        extra = imported(path) - ALLOWED[part] - {part}
        assert not extra, f"{path.relative_to(ROOT)} imports {sorted(extra)}"


def test_only_recipes_and_the_commands_bring_parts_together():
    """No part below the recipes knows a recipe, the loop or the command line."""
    above = {"algos", "single_agent", "recipe", "train", "evaluate", "plan", "checkpoint", "log"}
    for part in ALLOWED:
        for path in (ROOT / part).glob("*.py"):
            assert not imported(path) & above, path
