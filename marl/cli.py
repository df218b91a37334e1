"""The command line: python run.py [command] --config=... --env-config=... with key=value ...

Everything is checked before sacred starts, so that a typing error is one line and no folder.
"""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from marl.errors import ConfigError, UserError
from marl.plan import Plan

COMMANDS = ("train", "evaluate", "bench", "print_config")
USAGE = (
    "python run.py [train|evaluate|bench|print_config] --config=NAME --env-config=NAME "
    "[with key=value ...]"
)
# What stops a run from writing its results, and is for the user to mend.
STORAGE_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM)


@dataclass(frozen=True)
class Arguments:
    """The command line, taken apart."""

    command: str
    config: str | None  # --config
    env_config: str | None  # --env-config
    updates: dict[str, object]  # after `with`, nested
    sacred: tuple[str, ...]  # everything else, sacred's own options


def split(argv: Sequence[str]) -> Arguments:
    """argv without the program's name."""
    rest: list[str] = []
    names: dict[str, str] = {}
    words = list(argv)
    while words:
        word = words.pop(0)
        flag, equals, value = word.removeprefix("--").partition("=")
        if not word.startswith("--") or flag not in ("config", "env-config"):
            rest.append(word)
        elif equals or (words and words[0] != "with" and not words[0].startswith("-")):
            names[flag] = value if equals else words.pop(0)
        else:
            raise ConfigError(f"--{flag}: needs a name, for example --{flag}={EXAMPLE[flag]}")
    command, updates, options = _sacred_parse(rest)
    return Arguments(command, names.get("config"), names.get("env-config"), updates, tuple(options))


EXAMPLE = {"config": "lagma", "env-config": "sc2"}


def _sacred_parse(words: list[str]) -> tuple[str, dict[str, object], list[str]]:
    """Command, updates and sacred's options; an update's value is a Python literal, or a text."""
    before, after = words, []
    if "with" in words:
        at = words.index("with")
        before, after = words[:at], words[at + 1 :]
    options_at = next((i for i, word in enumerate(after) if word.startswith("-")), len(after))
    updates = parse_updates(after[:options_at])
    command = "train"
    if before and not before[0].startswith("-"):
        command, before = before[0], before[1:]
    if "=" in command:
        raise ConfigError(f"{command}: settings stand after the word 'with': {USAGE}")
    return command, updates, before + after[options_at:]


def parse_updates(words: Sequence[str]) -> dict[str, object]:
    """`["a.b=1", "c=x"]` -> `{"a": {"b": 1}, "c": "x"}`, in sacred's grammar."""
    from sacred.arg_parser import get_config_updates

    from marl.configfiles import merge

    updates: dict[str, object] = {}
    for word in words:
        key, equals, _ = word.partition("=")
        if not equals or not all(part.isidentifier() for part in key.strip().split(".")):
            raise ConfigError(f"{word!r}: expects key=value after 'with', for example t_max=200000")
        merge(updates, get_config_updates([word])[0])
    return updates


def main(argv: Sequence[str], execute: Callable[[Plan, Sequence[str]], None]) -> int:
    """Check everything, then `execute(plan, sacred's options)`. Returns the exit code.

    0: done; 2: the user can mend it (one line on stderr); 130: interrupted.
    """
    from marl.planning import make_plan, open_folder

    try:
        if any(word in ("-h", "--help", "help") for word in argv):
            print(help_text())
            return 0
        arguments = split(argv)
        plan = make_plan(arguments)
        execute(replace(plan, folder=open_folder(plan)), arguments.sacred)
    except UserError as error:
        if {"-d", "--debug"} & set(argv):
            raise
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except OSError as error:
        if error.errno not in STORAGE_ERRORS or {"-d", "--debug"} & set(argv):
            raise
        where = error.filename or "the results folder"
        hint = "free some space or choose another results_dir=..."
        print(f"error: {where}: {error.strerror}; {hint}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


def help_text() -> str:
    """What python run.py --help prints."""
    from marl.configfiles import available

    return f"""usage: {USAGE}

commands
  train         learn (the default); `with resume=<run folder>` goes on with a run
  evaluate      play `with checkpoint=<run folder> episodes=32`, no exploration
  bench         measure the engine and the learners
  print_config  show every setting and where it was set

algorithms    --config=NAME      {", ".join(available("config"))}
environments  --env-config=NAME  {", ".join(available("env-config"))}

for example
  python run.py --config=lagma --env-config=sc2 with map=3s_vs_5z codebook.size=128 seed=1
"""
