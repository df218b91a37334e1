"""Modules from outside the package that register recipes, mixers, bonuses and environments.

Two ways in: the key `plugins` names them, or an installed package has entry points in the group
`marl.plugins`. A module registers when it is imported.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from importlib.metadata import EntryPoint, entry_points

from marl.errors import ConfigError, UserError
from marl.run import trust

GROUP = "marl.plugins"


class Plugins:
    """The modules that one command loads: installed packages', and those named, each once.

    What several files and the command line name under `plugins` adds up. What a run's folder names
    is added only where the user has named it too: marl/run/trust.py.
    """

    def __init__(self) -> None:
        """Load those of installed packages."""
        self.names: list[str] = []  # those named, in order
        for entry in entry_points(group=GROUP):
            load_entry_point(entry)

    def add(self, value: object) -> None:
        """Load what a key `plugins` names: one name, a list of them, or None.

        The working directory is searched too. ConfigError where one cannot be imported.
        """
        here = os.getcwd()
        for name in listed(value):
            trust.say({"plugins": name})
            if name not in self.names:
                if here not in sys.path:
                    sys.path.append(here)
                advice = "it is looked for in the working directory and on PYTHONPATH"
                load(name, f"plugins: {name!r}", advice)
                self.names.append(name)


def listed(value: object) -> list[str]:
    """The names in a value of the key `plugins`."""
    if value is None:
        return []
    many = value.strip("[] ").replace(",", " ").split() if isinstance(value, str) else value
    if not isinstance(many, Sequence) or not all(isinstance(name, str) for name in many):
        raise ConfigError(f"plugins: expects the name of a module or a list, got {value!r}")
    return [str(name) for name in many]


def load_entry_point(entry: EntryPoint) -> None:
    """Load the module of an installed package's entry point."""
    owner = "a distribution" if entry.dist is None else f"{entry.dist.name} {entry.dist.version}"
    module = entry.value.partition(":")[0].strip()
    where = f"the entry point {entry.name!r} of {owner} in {GROUP}: {module!r}"
    load(module, where, f"reinstall or uninstall {owner}")


def load(name: str, where: str, advice: str) -> None:
    """Import a module; ConfigError in one line where that fails.

    where: what asks for it; advice: what to do where it is not found itself.
    """
    try:
        importlib.import_module(name)
    except UserError:
        raise
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if missing and f"{name}.".startswith(f"{missing}."):
            raise ConfigError(f"{where} cannot be imported ({error}); {advice}") from error
        raise ConfigError(
            f"{where} imports {missing or error!r}, which is not installed here; install it"
        ) from error
    except Exception as error:  # a module of somebody else's may fail in any way
        raise ConfigError(f"{where} failed: {type(error).__name__}: {error}") from error
