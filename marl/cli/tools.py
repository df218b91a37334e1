"""Commands about no configured run: what run.py does for each of TOOLS (marl/cli/arguments.py)."""

from __future__ import annotations

from marl.cli.arguments import Arguments
from marl.errors import ConfigError


def run_tool(arguments: Arguments) -> int:
    """Run it; returns the exit code."""
    for flag, name in {"config": arguments.config, "env-config": arguments.env_config}.items():
        if name is not None:
            raise ConfigError(f"--{flag}={name}: {arguments.command} takes no configuration")
    if arguments.command == "doctor":
        from marl.doctor import command as doctor

        return doctor.run(arguments.updates)
    from marl.watch import command as watch

    return watch.run(arguments.updates)
