"""`python run.py doctor`: run every check, print findings and advice."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from marl.doctor import battle, clients, compute, game, guide, install, maps, packages
from marl.doctor.finding import Finding, State
from marl.errors import ConfigError, UserError, nearest_or_all
from marl.program import CALLED, PROGRAM

Check = Callable[[], Iterable[Finding]]
TOPIC = 16  # columns
COLOURS = {State.OK: 32, State.DIFFERS: 33, State.MISSING: 33, State.BROKEN: 31}
WIDEST = 110
USAGE = f"usage: {PROGRAM} doctor [with {install.KEY}=<new folder>]"
ENGINE, GAME = "The engine", "StarCraft II (only for backend=game and the official clients)"
# pysc2's protobuf is older than the one that our server's messages (the extra sc2api) need.
CLIENTS = (
    "Clients of the game (the same; best in a venv of their own: game.python=<its python>, "
    f"<its python> {CALLED} doctor)"
)


def main(words: Sequence[str]) -> int:
    """Run the command. words: the arguments after `doctor`. Returns the exit code."""
    if {"-h", "--help"} & set(words):
        print(__doc__, USAGE, sep="\n")
        return 0
    try:
        return run(settings(words))
    except UserError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def settings(words: Sequence[str]) -> dict[str, object]:
    """Parse `with key=value ...` without sacred, which may be missing."""
    if words and words[0] != "with":
        raise ConfigError(f"{words[0]!r}: doctor takes settings after the word 'with'")
    pairs = [word.partition("=") for word in words[1:]]
    for key, equals, value in pairs:
        if not (equals and value):
            raise ConfigError(f"{key!r}: expects key=value after 'with'")
    return {key: value for key, _, value in pairs}


def run(updates: Mapping[str, object]) -> int:
    """Examine, or install. Returns 0 if the engine works (the game does not count), else 1."""
    for key in updates:
        if key != install.KEY:
            hint = nearest_or_all(key, [install.KEY], lead="doctor has only")
            raise ConfigError(f"{key}: unknown key; {hint}")
    if install.KEY in updates:
        folder = Path(str(updates[install.KEY]))
        install.refuse_foreign(folder)
        print("writing it; compiling the engine may take a few minutes", file=sys.stderr)
        print(install.install_engine(folder))
        return 0
    return examine()


def examine() -> int:
    """Run every check; each finding is printed at once."""
    place = game.find_place()
    is_engine = install.is_engine(place.folder)
    engine_checks: list[Check] = [
        lambda: [packages.check_python()],
        packages.check_packages,
        compute.check_torch,
        lambda: [compute.check_threads()],
        lambda: [compute.check_cache()],
        lambda: [battle.check_battle()],
    ]
    game_checks: list[Check] = [
        lambda: game.check_game(place),
        lambda: maps.check_maps(place.folder, is_engine) if place.folder.is_dir() else [],
    ]
    client_checks: list[Check] = [clients.check_clients, lambda: [clients.check_port()]]
    engine = run_checks(ENGINE, engine_checks, needed=True)
    theirs = run_checks(GAME, game_checks)
    run_checks(CLIENTS, client_checks)
    if any(finding.state in (State.MISSING, State.BROKEN) for finding in theirs):
        print(f"\n{guide.how_to_get_the_game(place.folder)}")
    stops = [finding.topic for finding in engine if finding.stops_the_engine]
    if stops:
        print(f"\nThe engine does not work here: see {', '.join(dict.fromkeys(stops))} above.")
        return 1
    print(f"\nThe engine works here. {guide.NOT_NEEDED}")
    return 0


def run_checks(title: str, checks: Iterable[Check], needed: bool = False) -> list[Finding]:
    """Run the checks and print their findings; a check that fails is itself a finding.

    needed: the engine may not work if a check fails.
    """
    print(f"\n{title}", flush=True)
    findings: list[Finding] = []
    for check in checks:
        for finding in attempt(check, needed):
            print(line(finding), flush=True)
            findings.append(finding)
    return findings


def attempt(check: Check, needed: bool = False) -> list[Finding]:
    """The check's findings; if it fails, a finding about that."""
    try:
        return list(check())
    except OSError as error:  # an unreadable file or folder
        return [Finding("unreadable", State.BROKEN, str(error), "let this user read it", needed)]
    except Exception as error:  # reported, and the other checks still run
        found, advice = f"{type(error).__name__}: {error}", "the check itself failed: report it"
        return [Finding("a check", State.BROKEN, found, advice, needed)]


def line(finding: Finding) -> str:
    """`  ok       python           3.11.7`, with the advice below."""
    width = min(WIDEST, shutil.get_terminal_size((WIDEST, 24)).columns)
    word = f"{finding.state.value:8}"
    if sys.stdout.isatty():
        word = f"\033[{COLOURS[finding.state]}m{word}\033[0m"
    indent = " " * (2 + 8 + 1 + TOPIC + 1)
    body = _wrapped(finding.found, width, indent)
    if finding.advice:
        body += f"\n{indent}-> " + _wrapped(finding.advice, width, f"{indent}   ")
    return f"  {word} {finding.topic:{TOPIC}} {body}"


def _wrapped(text: str, width: int, indent: str) -> str:
    """Lines from column len(indent) on; long paths stay whole."""
    room = max(30, width - len(indent))
    return f"\n{indent}".join(
        textwrap.wrap(text, room, break_long_words=False, break_on_hyphens=False) or [""]
    )
