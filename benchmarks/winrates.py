"""Win rates of scripted players on every map, with intervals, as JSON and as a table.

    python benchmarks/winrates.py --players random heuristic --battles 1000
    python benchmarks/winrates.py --maps 3m terran_5_vs_5 --output results/winrates

writes results/winrates.json and results/winrates.md. Rows of the same
sources and settings that the JSON file already holds are not played again: an interrupted call can
be repeated, and a changed rule is measured anew.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402

from marl.cli.arguments import split  # noqa: E402
from marl.cli.resolve import make_plan  # noqa: E402
from marl.config.files import available  # noqa: E402
from marl.engine.facts.scenario import scenario_names  # noqa: E402
from marl.errors import UserError  # noqa: E402
from marl.log.intervals import wilson  # noqa: E402
from marl.protocols.collecting import Episodes  # noqa: E402
from marl.runners.evaluation import evaluation_seeds, play_script  # noqa: E402

V1, V2 = "sc2", "sc2v2"  # names of configs/envs/*.yaml
PLAYERS = ("random", "heuristic", "heuristic_rest", "focus_fire", "kite")
PUBLISHED_SIZES = ((5, 5), (10, 10), (20, 20), (10, 11), (20, 23))  # of SMACv2: agents, enemies
PUBLISHED = tuple(
    f"{race}_{agents}_vs_{enemies}"
    for race in ("protoss", "terran", "zerg")
    for agents, enemies in PUBLISHED_SIZES
)
RULES = ("marl/engine", "marl/scripted", "maps", "configs/envs")  # the sources of a result
HEADINGS = (
    "map",
    "player",
    "win rate (95 %)",
    "return",
    "length",
    "dead allies",
    "dead enemies",
    "draws",
    "timeouts",
)
MOST_UNITS = 4000  # in all battles that are played at a time


@dataclass(frozen=True)
class Played:
    """Battles of one player on one map, with the numbers of units."""

    episodes: Episodes
    n_agents: int
    n_enemies: int


@dataclass(frozen=True)
class Row:
    """One player's result on one map: shares and means over the battles."""

    env: str
    map: str
    player: str
    battles: int
    seed: int
    rules: str  # digest of the sources
    won: float
    won_low: float  # Wilson's 95 % interval
    won_high: float
    return_mean: float
    return_std: float
    length_mean: float  # environment steps
    dead_allies: float
    dead_enemies: float
    n_agents: int
    n_enemies: int
    draws: float  # nobody left on either side
    timeouts: float
    seconds: float


def rules_digest() -> str:
    """A name for the present state of RULES, with the folders inside them."""
    digest = hashlib.sha256()
    for folder in RULES:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".py", ".yaml"):
                digest.update(path.relative_to(ROOT).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def env_of(map_name: str) -> str:
    """The environment that has the map."""
    return V1 if map_name in scenario_names() else V2


def all_maps() -> list[str]:
    """The maps of SMAC, and the published ones of SMACv2 where that environment exists."""
    return [*scenario_names(), *(PUBLISHED if V2 in available("env-config") else ())]


def play(
    player: str, map_name: str, battles: int, seed: int, settings: Sequence[str] = ()
) -> Played:
    """`battles` battles on one thread. settings: further `key=value`, as on the command line."""
    words = [f"map={map_name}", f"seed={seed}", "continuing_episode=True", *settings]
    flags = [f"--config={player}", f"--env-config={env_of(map_name)}"]
    plan = make_plan(split(["evaluate", *flags, "with", *words]))
    probe = plan.env.build(1, 1)
    n_units = probe.battles.world.units.shape[1]  # type: ignore[attr-defined]
    n_agents = probe.spec.n_agents
    probe.close()
    env = plan.env.build(max(1, min(battles, MOST_UNITS // n_units)), 1)
    try:
        parts = play_script(env, plan.recipe.build(env), evaluation_seeds(seed, 0, battles))
    finally:
        env.close()
    return Played(join(parts), n_agents, n_units - n_agents)


def join(parts: Sequence[Episodes]) -> Episodes:
    """All episodes as one."""
    return Episodes(
        returns=np.concatenate([part.returns for part in parts]),
        lengths=np.concatenate([part.lengths for part in parts]),
        outcomes={
            name: np.concatenate([part.outcomes[name] for part in parts])
            for name in parts[0].outcomes
        },
        truncated=np.concatenate([part.truncated for part in parts]),
        intact=np.concatenate([part.intact for part in parts]),
    )


def measure(player: str, map_name: str, battles: int, seed: int, rules: str) -> Row:
    """Play, and summarise the battles."""
    start = time.perf_counter()
    played = play(player, map_name, battles, seed)
    episodes = played.episodes
    won, dead_allies, dead_enemies = (
        episodes.outcomes[name] for name in ("battle_won", "dead_allies", "dead_enemies")
    )
    nobody_left = (dead_allies == played.n_agents) & (dead_enemies == played.n_enemies)
    low, high = wilson(float(won.mean()), battles)
    return Row(
        env=env_of(map_name),
        map=map_name,
        player=player,
        battles=battles,
        seed=seed,
        rules=rules,
        won=float(won.mean()),
        won_low=low,
        won_high=high,
        return_mean=float(episodes.returns.mean()),
        return_std=float(episodes.returns.std()),
        length_mean=float(episodes.lengths.mean()),
        dead_allies=float(dead_allies.mean()),
        dead_enemies=float(dead_enemies.mean()),
        n_agents=played.n_agents,
        n_enemies=played.n_enemies,
        draws=float(nobody_left.mean()),
        timeouts=float(episodes.truncated.mean()),
        seconds=time.perf_counter() - start,
    )


def kept_rows(path: Path, rules: str) -> list[Row]:
    """The rows of an earlier call that have the same rules."""
    if not path.exists():
        return []
    rows = [Row(**row) for row in json.loads(path.read_text(encoding="utf-8"))]
    return [row for row in rows if row.rules == rules]


def write(path: Path, rows: Sequence[Row]) -> None:
    """Write path.json and, for people, path.md; a crash leaves the old files or the new."""
    for suffix, content in (
        (".json", json.dumps([asdict(row) for row in rows], indent=1) + "\n"),
        (".md", table(rows)),
    ):
        new = path.with_suffix(suffix + ".new")
        new.write_text(content, encoding="utf-8")
        new.replace(path.with_suffix(suffix))


def table(rows: Sequence[Row]) -> str:
    """The rows in markdown, sorted by map and player."""
    lines = [f"| {' | '.join(HEADINGS)} |", "|---|---|" + "--:|" * (len(HEADINGS) - 2)]
    for row in sorted(rows, key=lambda row: (row.env, row.map, PLAYERS.index(row.player))):
        lines.append(f"| {' | '.join(cells(row))} |")
    return "\n".join(lines) + "\n"


def cells(row: Row) -> Iterator[str]:
    """One line of the table."""
    yield row.map
    yield row.player
    yield f"{row.won:.3f} ({row.won_low:.3f}-{row.won_high:.3f})"
    yield f"{row.return_mean:.2f}"
    yield f"{row.length_mean:.1f}"
    yield f"{row.dead_allies:.1f} of {row.n_agents}"
    yield f"{row.dead_enemies:.1f} of {row.n_enemies}"
    yield f"{row.draws:.3f}"
    yield f"{row.timeouts:.3f}"


def main(argv: Sequence[str]) -> int:
    """Play the missing rows; returns 1 if a map could not be played."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--players", nargs="+", default=["random", "heuristic"], choices=PLAYERS)
    parser.add_argument("--maps", nargs="+", default=None, metavar="MAP", help="default: all")
    parser.add_argument("--battles", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=Path("results/winrates"))
    options = parser.parse_args(argv)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    rules, failed = rules_digest(), 0
    rows = kept_rows(options.output.with_suffix(".json"), rules)
    done = {(row.map, row.player, row.battles, row.seed) for row in rows}
    for map_name in options.maps or all_maps():
        for player in options.players:
            if (map_name, player, options.battles, options.seed) in done:
                continue
            try:
                row = measure(player, map_name, options.battles, options.seed, rules)
            except UserError as error:
                print(f"{map_name}, {player}: not played: {error}", file=sys.stderr, flush=True)
                failed = 1
                continue
            rows.append(row)
            write(options.output, rows)
            print(" | ".join([*cells(row), f"{row.seconds:.1f} s"]), flush=True)
    return failed


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from here", file=sys.stderr)
        sys.exit(130)
