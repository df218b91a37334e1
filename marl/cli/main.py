"""The frame around a command of run.py: all checks before it, one line and an exit code after it.

A typing error is found before sacred starts: no traceback, no folder is made.
"""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from marl.cli.arguments import TOOLS, USAGE, Arguments, split
from marl.cli.resolve import make_env_config, make_plan
from marl.config.files import available
from marl.errors import ConfigError, SeveralKeysError, UserError, one_line
from marl.program import PROGRAM
from marl.run.plan import Plan

# Errors of storage: they keep a run from writing its results, and the user can fix them.
STORAGE_ERRORS = (
    *(errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM),
    *(errno.EISDIR, errno.ENOTDIR, errno.ELOOP),  # something else lies there
)


def main(argv: Sequence[str], execute: Callable[[Plan, Mapping[str, object]], None]) -> int:
    """Check everything, then `execute(plan, sacred's options)`. Returns the exit code.

    0: done; 1: a training failed on the way; 2: an error that the user can fix; 130: interrupted.
    Of 1 and 2 there is one line on stderr.
    """
    try:
        if any(word in ("-h", "--help", "help") for word in argv):
            print(help_text())
            return 0
        arguments = split(argv)
        if arguments.command in TOOLS:
            return run_tool(arguments)
        plan = make_plan(arguments)
        if plan.command == "print_config":
            execute(plan, arguments.options)
            return 0
        from marl.cli.compiling import told

        with told(plan):
            execute(plan, arguments.options)
    except UserError as error:
        if {"-d", "--debug"} & set(argv):
            raise
        for message in error.messages if isinstance(error, SeveralKeysError) else [str(error)]:
            print(f"error: {one_line(message)}", file=sys.stderr)
        return error.exit_code
    except OSError as error:
        if error.errno not in STORAGE_ERRORS or {"-d", "--debug"} & set(argv):
            raise
        where = error.filename or "the results folder"
        hint = "free some space, remove what is there, or choose another results_dir=..."
        print(f"error: {where}: {error.strerror}; {hint}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


def run_tool(arguments: Arguments) -> int:
    """Run a command of TOOLS; returns the exit code."""
    named = {"config": arguments.config, "env-config": arguments.env_config}
    for flag, name in named.items():
        if name is not None and (arguments.command, flag) != ("collect", "env-config"):
            raise ConfigError(f"--{flag}={name}: {arguments.command} takes no configuration")
    if arguments.command == "doctor":
        from marl.doctor import command as doctor

        return doctor.run(arguments.updates)
    if arguments.command == "reproduce":
        from marl.campaign import command as campaign

        return campaign.run(arguments.updates, lambda words: make_plan(split(words)))
    if arguments.command == "plot":
        from marl.plots import command as plots

        return plots.run(arguments.updates, recorded)
    if arguments.command == "collect":
        from marl.collect import command as collect

        return collect.run(arguments.updates, arguments.env_config, recorded, make_env_config)
    from marl.watch import command as watch

    return watch.run(arguments.updates)


def recorded(folder: str, settings: Mapping[str, object] = MappingProxyType({})) -> Plan:
    """The plan to play what the run in that folder learnt, on the CPU; settings: further ones."""
    from marl.cli.compiling import compile_engine

    updates: dict[str, object] = {"device": "cpu", **settings, "checkpoint": folder}
    plan = make_plan(Arguments("evaluate", None, None, updates, {}))
    compile_engine(plan)
    return plan


def help_text() -> str:
    """The output of python run.py --help."""
    return f"""usage: {USAGE}

commands
  train         learn (the default); `with resume=<run folder>` goes on with a run
  evaluate      play `with checkpoint=<run folder> episodes=32`, no exploration; or a scripted
                player: `evaluate --config=heuristic --env-config=sc2 with map=3m episodes=1000`
  replay        play `with checkpoint=<run folder> episodes=4` and make a page of each battle
  bench         measure the engine and the learners, a few minutes; `with map=3m` that map alone
  print_config  print every setting and where it was set
  watch         follow a training in the browser: `watch with run=<run or results folder>`
  reproduce     run a campaign of trainings: `reproduce with suite=smoke` (configs/suites/); what is
                finished keeps a summary in docs/results/, so that work adds up
  plot          learning curves of several seeds with intervals, and the statistics that compare
                algorithms: `plot with runs=smoke` or runs=<results folder> (docs/plots.md);
                LAGMA's codes, their values and use: `plot with kind=codebook run=<run folder>`
  collect       make a dataset to learn from offline, of a random policy, of what a run learnt or
                of its replay: `collect with run=<run folder> out=<folder>` (docs/offline.md)
  doctor        check this machine: list faults, missing packages and what to do;
                `with install_engine_as_sc2=<folder>` lets the game's clients play on the engine

algorithms    --config=NAME      {", ".join(available("config"))}
environments  --env-config=NAME  {", ".join(available("env-config"))}

for example
  {PROGRAM} --config=lagma --env-config=sc2 with map=3s_vs_5z bonus.codebook.size=128 seed=1
  {PROGRAM} --config=qmix --env-config=sc2 with map=3m plugins=my_parts mixer.kind=mine
                (parts of your own: docs/architecture.md)
"""
