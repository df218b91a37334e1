"""Modules from outside the package that register recipes, mixers, bonuses and environments.

Two ways in: the key `plugins` names them, or an installed package has entry points in the group
`marl.plugins`. A module registers when it is imported.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from importlib.metadata import entry_points

from marl.errors import ConfigError, UserError

GROUP = "marl.plugins"


def load_plugins(names: object) -> list[str]:
    """Import the modules that the key `plugins` names, and those of installed packages.

    names: one name, a list of them, or None. The working directory is searched too. Returns them
    as a list; ConfigError where one cannot be imported.
    """
    for entry in entry_points(group=GROUP):
        _import(entry.value.partition(":")[0], f"the entry point {entry.name!r} of {GROUP}")
    wanted = _listed(names)
    here = os.getcwd()
    if wanted and here not in sys.path:
        sys.path.append(here)
    for name in wanted:
        _import(name, "plugins")
    return wanted


def _listed(names: object) -> list[str]:
    if names is None:
        return []
    many = names.strip("[] ").replace(",", " ").split() if isinstance(names, str) else names
    if not isinstance(many, Sequence) or not all(isinstance(name, str) for name in many):
        raise ConfigError(f"plugins: expects the name of a module or a list, got {names!r}")
    return [str(name) for name in many]


def _import(name: str, where: str) -> None:
    try:
        importlib.import_module(name)
    except UserError:
        raise
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"{where}: {name!r} cannot be imported ({error}); it is looked for in the working "
            "directory and on PYTHONPATH"
        ) from error
    except Exception as error:  # a module of somebody else's may fail in any way
        raise ConfigError(f"{where}: {name!r} failed: {type(error).__name__}: {error}") from error
