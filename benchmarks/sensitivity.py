"""Effect of the uncertain rules of the game: each choice changed alone, battles compared.

    python benchmarks/sensitivity.py --battles 1000
    python benchmarks/sensitivity.py --choices target_kept acquire_margin --maps 3m 2s3z

For every field of marl.engine.facts.choices.Choices and every map that its rule concerns,
scripted players fight with the default and with each other value; the table in <output>.md gives
the change of win rate (Newcombe's 95 % interval) and of mean return (normal 95 % interval). A star
marks an interval without the 0; of rows without any effect about one in twenty has one too. "the
same battles": not one return or length differed. Resumable like benchmarks/winrates.py.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from math import sqrt
from pathlib import Path

from winrates import PLAYERS, play, rules_digest

from marl.engine.facts.choices import Choices
from marl.errors import UserError
from marl.log.intervals import Z95, wilson

MARINES = ("3m", "8m", "5m_vs_6m", "10m_vs_11m")
STALKERS = ("3s_vs_3z", "3s_vs_5z", "2s3z", "3s5z")
ZEALOTS = ("2s3z", "3s5z", "3s_vs_5z")
WAVES = ("3m", "8m", "10m_vs_11m", "2s3z", "3s5z", "corridor")
MEDIVACS = ("MMM", "MMM2")
COLOSSI = ("1c3s5z", "2c_vs_64zg")
BANELINGS = ("so_many_baneling", "bane_vs_bane")
COMMON = ("3m", "8m", "10m_vs_11m", "2s3z", "3s5z", "3s_vs_5z", "MMM", "corridor")
# The maps that a choice concerns; COMMON for the others.
MAPS_OF: dict[str, tuple[str, ...]] = {
    "reissue_resets_swing": (*MARINES, *STALKERS, "corridor"),
    "damage_point_extends_period": (*MARINES, *STALKERS, "corridor"),
    "order_cuts_burst": (*ZEALOTS, "corridor", "1c3s5z"),
    "missile_edge_to_edge": (*STALKERS, "6h_vs_8z", "MMM"),
    "overflow_minimum": STALKERS,
    "sweep_counts_radius": COLOSSI,
    "sweep_follows_target": COLOSSI,
    "splash_counts_radius": BANELINGS,
    "threats_first": MEDIVACS,
    "helpers_rerank": MEDIVACS,
    "blocked_repick": (*ZEALOTS, "corridor", "bane_vs_bane", "2c_vs_64zg"),
    "enemy_medivac_follows": MEDIVACS,
    "ally_medivac_autocast": MEDIVACS,
    "patient_shared": ("terran_10_vs_10",),
    "refused_order_stops": MEDIVACS,
    "idle_pushed": WAVES,
    "queue_behind_friends": WAVES,
    "wave_stops_on_touch": WAVES,
    "flyers_drift": MEDIVACS,
}
# Other values of the choices that are numbers; a flag has just one.
ALTERNATIVES: dict[str, tuple[float, ...]] = {"acquire_margin": (0.5, 1.0)}


@dataclass(frozen=True)
class Result:
    """Battles with one value of one choice; `value` as the command line takes it."""

    choice: str  # "" with all defaults
    value: str
    map: str
    player: str
    battles: int
    seed: int
    rules: str
    won: float
    return_mean: float
    return_std: float
    digest: str  # of every battle's return and length: equal where nothing changed


def other_values(name: str) -> list[str]:
    """The values of a choice other than its default."""
    default = getattr(Choices(), name)
    if isinstance(default, bool):
        return [str(not default)]
    if name not in ALTERNATIVES:
        raise UserError(f"{name}: is a number; add its other values to ALTERNATIVES of this script")
    return [str(value) for value in ALTERNATIVES[name]]


def difference(one: Result, two: Result) -> tuple[float, float, float]:
    """two's win rate less one's, and its 95 % interval.

    Newcombe, Statistics in Medicine 17 (1998), 873-890, method 10: from the Wilson intervals.
    """
    low_1, high_1 = wilson(one.won, one.battles)
    low_2, high_2 = wilson(two.won, two.battles)
    change = two.won - one.won
    below = sqrt((two.won - low_2) ** 2 + (high_1 - one.won) ** 2)
    above = sqrt((high_2 - two.won) ** 2 + (one.won - low_1) ** 2)
    return change, change - below, change + above


def return_difference(one: Result, two: Result) -> tuple[float, float, float]:
    """two's mean return less one's, and its 95 % interval."""
    change = two.return_mean - one.return_mean
    error = sqrt(one.return_std**2 / one.battles + two.return_std**2 / two.battles)
    return change, change - Z95 * error, change + Z95 * error


class Study:
    """Results of all battles so far, kept in a file, so that nothing is played twice."""

    def __init__(self, output: Path, battles: int, seed: int) -> None:
        self.output, self.battles, self.seed, self.rules = output, battles, seed, rules_digest()
        path = output.with_suffix(".json")
        rows = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
        results = [Result(**row) for row in rows]
        self.results = [result for result in results if result.rules == self.rules]

    def result(self, choice: str, value: str, map_name: str, player: str) -> Result:
        """The result, played if the file does not have it."""
        key = (choice, value, map_name, player, self.battles, self.seed)
        for r in self.results:
            if (r.choice, r.value, r.map, r.player, r.battles, r.seed) == key:
                return r
        settings = [f"choices.{choice}={value}"] if choice else []
        episodes = play(player, map_name, self.battles, self.seed, settings).episodes
        result = Result(
            *key,
            rules=self.rules,
            won=float(episodes.outcomes["battle_won"].mean()),
            return_mean=float(episodes.returns.mean()),
            return_std=float(episodes.returns.std()),
            digest=hashlib.sha256(
                episodes.returns.tobytes() + episodes.lengths.tobytes()
            ).hexdigest()[:12],
        )
        self.results.append(result)
        rows = json.dumps([asdict(r) for r in self.results], indent=1) + "\n"
        self.output.with_suffix(".json").write_text(rows, encoding="utf-8")
        return result


def lines(
    study: Study, choices: Sequence[str], maps: Sequence[str] | None, players: Sequence[str]
) -> Iterator[str]:
    """The lines of the table, as they are measured; a star marks an interval without the 0."""
    yield "| choice | value | map | player | win rate | change (95 %) | change of return (95 %) |"
    yield "|---|---|---|---|--:|--:|--:|"
    for choice in choices:
        for map_name in maps or MAPS_OF.get(choice, COMMON):
            for player in players:
                try:
                    base = study.result("", "", map_name, player)
                except UserError as error:
                    print(f"{map_name}: not played: {error}", file=sys.stderr, flush=True)
                    break
                for value in other_values(choice):
                    other = study.result(choice, value, map_name, player)
                    win = interval(*difference(base, other), digits=3)
                    earned = interval(*return_difference(base, other), digits=2)
                    if other.digest == base.digest:
                        win = earned = "the same battles"
                    names = f"{choice} | {value} | {map_name} | {player}"
                    yield f"| {names} | {base.won:.3f} | {win} | {earned} |"


def interval(change: float, low: float, high: float, digits: int) -> str:
    """`+0.123 (+0.100, +0.146) *`"""
    star = " *" if low > 0 or high < 0 else ""
    return f"{change:+.{digits}f} ({low:+.{digits}f}, {high:+.{digits}f}){star}"


def main(argv: Sequence[str]) -> int:
    """Measure and print, line by line."""
    known = [item.name for item in fields(Choices)]
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--choices", nargs="+", default=known, choices=known, metavar="CHOICE")
    parser.add_argument("--maps", nargs="+", default=None, metavar="MAP")
    parser.add_argument("--players", nargs="+", default=["heuristic", "kite"], choices=PLAYERS)
    parser.add_argument("--battles", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=Path("results/sensitivity"))
    options = parser.parse_args(argv)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    study = Study(options.output, options.battles, options.seed)
    table = ""
    for line in lines(study, options.choices, options.maps, options.players):
        print(line, flush=True)
        table += line + "\n"
    options.output.with_suffix(".md").write_text(table, encoding="utf-8")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from here", file=sys.stderr)
        sys.exit(130)
