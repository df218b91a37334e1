"""The imports of marl/ as figures and a picture, in Markdown.

    python benchmarks/imports.py                                   # this checkout
    python benchmarks/imports.py --tree <folder> [<folder> ...]    # others, side by side

A part is a folder or a loose module directly in marl/. An import counts wherever in the file it
stands. The floor of a part is one above the highest floor that it imports; parts that import each
other, directly or by way of others, form a circle and share a floor. The picture (Mermaid) leaves
out the arrows that follow from others: with a -> b and b -> c it does not draw a -> c.

tests/test_imports.py reads the imports with the same functions.
"""

from __future__ import annotations

import argparse
import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

PACKAGE = "marl"
ROOT = Path(__file__).resolve().parent.parent
Graph = dict[str, set[str]]  # name -> the names that it imports


def modules(tree: Path) -> dict[str, Path]:
    """Dotted name -> file of every module of marl in a checkout; a package is its __init__.py."""
    found = {}
    for path in sorted((tree / PACKAGE).rglob("*.py")):
        parts = path.relative_to(tree).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def read_imports(tree: Path) -> Graph:
    """Module -> the modules of marl that it imports."""
    files = modules(tree)
    return {name: _imports_of(name, files) for name in files}


def _imports_of(name: str, files: Mapping[str, Path]) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(files[name].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            inside = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {item if item in files else node.module for item in inside}
    return {item for item in found if item in files and item != name}


def packages(tree: Path) -> list[str]:
    """The dotted names of marl and of every folder in it."""
    return [name for name, path in modules(tree).items() if path.name == "__init__.py"]


def within(imports: Graph, package: str = PACKAGE) -> Graph:
    """The files and folders directly in a package, and the imports between them."""
    depth = package.count(".") + 1
    graph: Graph = {}

    def child(name: str) -> str | None:
        parts = name.split(".")
        inside = name.startswith(package + ".") and len(parts) > depth
        return ".".join(parts[: depth + 1]) if inside else None

    for name, targets in imports.items():
        own = child(name)
        if own is not None:
            graph.setdefault(own, set()).update(
                other for other in map(child, targets) if other is not None and other != own
            )
    return graph


def reachable(graph: Graph) -> Graph:
    """Name -> all names that it imports directly or by way of others."""
    found = {name: set(targets) for name, targets in graph.items()}
    for middle in graph:
        for targets in found.values():
            if middle in targets:
                targets |= found[middle]
    return found


def circles(graph: Graph) -> list[list[str]]:
    """The groups of names that import each other, directly or by way of others."""
    below = reachable(graph)
    groups = {tuple(sorted(n for n in below[name] if name in below[n])) for name in graph}
    return sorted(list(group) for group in groups if len(group) > 1)


def condensed(graph: Graph) -> Graph:
    """The graph with each circle as one name, `a + b`: it has no circle."""
    joined = {name: " + ".join(circle) for circle in circles(graph) for name in circle}
    out: Graph = {}
    for name, targets in graph.items():
        own = joined.get(name, name)
        out.setdefault(own, set()).update({joined.get(t, t) for t in targets} - {own})
    return out


def floors(graph: Graph) -> list[list[str]]:
    """The names of a graph without a circle, by floors from the ground up."""
    height: dict[str, int] = {}

    def floor_of(name: str) -> int:
        if name not in height:
            height[name] = 1 + max(map(floor_of, graph[name]), default=-1)
        return height[name]

    for name in graph:
        floor_of(name)
    levels = range(max(height.values(), default=-1) + 1)
    return [sorted(name for name in graph if height[name] == level) for level in levels]


def reduced(graph: Graph) -> Graph:
    """A graph without a circle, less the imports that follow from others."""
    below = reachable(graph)
    return {
        name: {t for t in targets if not any(t in below[other] for other in targets)}
        for name, targets in graph.items()
    }


def figures(tree: Path) -> dict[str, int]:
    """The figures of a checkout, by their headings."""
    imports = read_imports(tree)
    parts = within(imports)
    folders = [group for package in packages(tree) for group in circles(within(imports, package))]
    return {
        "modules": len(imports),
        "parts of `marl/`, folders and loose modules": len(parts),
        "floors": len(floors(condensed(parts))),
        "circles of modules": len(circles(imports)),
        "circles of folders, at any depth": len(folders),
        "loose modules in `marl/`": _count_modules(tree / PACKAGE),
        "modules directly in `marl/engine/`": _count_modules(tree / PACKAGE / "engine"),
    }


def _count_modules(folder: Path) -> int:
    return sum(path.name != "__init__.py" for path in folder.glob("*.py"))


def table(trees: list[Path]) -> Iterator[str]:
    """The figures in Markdown, a column for each checkout."""
    columns = [figures(tree) for tree in trees]
    yield f"| | {' | '.join(tree.name for tree in trees)} |"
    yield "|---" + "|--:" * len(trees) + "|"
    for heading in columns[0]:
        yield f"| {heading} | {' | '.join(str(column[heading]) for column in columns)} |"


def picture(tree: Path) -> Iterator[str]:
    """The parts by floors in Mermaid."""
    graph = condensed(within(read_imports(tree)))
    levels = floors(graph)
    yield "```mermaid"
    yield "graph TD"
    for height, level in reversed(list(enumerate(levels, start=1))):
        yield f'  subgraph f{height} ["{height}"]'
        yield from (f"    {_node(name)}" for name in level)
        yield "  end"
    for name, targets in reduced(graph).items():
        if targets:
            yield f"  {_key(name)} --> {' & '.join(map(_key, sorted(targets)))}"
    yield "```"


def _key(name: str) -> str:
    return name.replace(f"{PACKAGE}.", "").replace(" + ", "_")


def _node(name: str) -> str:
    label = name.replace(f"{PACKAGE}.", "")
    return label if label == _key(name) else f'{_key(name)}["{label}"]'


def main() -> None:
    """Print the table of all checkouts and the picture of each."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tree", type=Path, nargs="+", default=[ROOT], help="checkouts to read")
    trees = [tree.resolve() for tree in parser.parse_args().tree]
    print("\n".join(table(trees)))
    for tree in trees:
        print(f"\n{tree.name}:\n")
        print("\n".join(picture(tree)))


if __name__ == "__main__":
    main()
