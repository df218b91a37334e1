"""What names a program or a module to import: the user says it, never a run's folder or a trace.

The user says it on the command line, in YAML files of their own, or in the environment variable
MARL_TRUST: names with commas between them. What was said once holds for the process. A run's
config.yaml repeats what was said when the run began, so that people can read it; whoever gave us
the folder may have written it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from marl.config.code import Named
from marl.errors import ConfigError

VARIABLE = "MARL_TRUST"

_said: set[tuple[str, str]] = set()  # (key, name), in this process


def say(named: Named) -> None:
    """Note what the user has named: dotted key -> name."""
    _said.update(named.items())


def refuse_unsaid(folder: Path, named: Named, said: Mapping[str, object]) -> None:
    """ConfigError for the first name in a run's folder that the user has not said.

    named, said: dotted key -> name, in the folder and by the user for this command.
    """
    say({key: name for key, name in named.items() if said.get(key) == name})
    for key, name in named.items():
        if (key, name) not in _said and name not in trusted():
            raise ConfigError(
                f"{key}: the run in {folder} names {name!r}, and what a run's folder names is "
                f"neither started nor imported; if you trust it, say so yourself: {key}=... after "
                f"'with', or {VARIABLE}=... in the environment"
            )


def trusted() -> list[str]:
    """The names in the environment variable."""
    return [name.strip() for name in os.environ.get(VARIABLE, "").split(",") if name.strip()]
