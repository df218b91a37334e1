"""The replays/ folder of a run: traces, pages, and an index of all of its battles.

replays/<t_env>-<number>.trace     each battle that was recorded
replays/<t_env>-<number>.html      its page, where one was made
replays/battles.jsonl              a line for each battle, the newest last
replays/index.html                 the list for people
"""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from marl.errors import UnreadableError
from marl.replay.checks import check_facts, check_number
from marl.replay.page import page, policy, result_of, title_of
from marl.replay.trace import EXTENSION, Trace, film_of
from marl.replay.video import Video, save_video
from marl.replay.videofile import video_of
from marl.untrusted.bounds import BATTLES_BYTES
from marl.untrusted.files import read_bytes
from marl.untrusted.jsontext import load_json

FOLDER = "replays"
BATTLES = "battles.jsonl"
INDEX = "index.html"
MAX_NAME = 200  # characters of a battle's name


class ReplayFolder:
    """The replays of a run. path: the run's folder."""

    def __init__(self, path: Path) -> None:
        self.path = path / FOLDER

    def add(
        self, t_env: int, battles: Sequence[Trace], pages: int, video: Video = "none"
    ) -> list[Path]:
        """Store the battles, and pages (and videos) of the first `pages`; gives those pages.

        t_env: environment steps that the policy was trained for. A battle of the same t_env and
        number is replaced.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        made, lines = [], []
        for number, battle in enumerate(battles, start=1):
            name = f"{t_env:09d}-{number:03d}"
            battle.save(self.path / f"{name}{EXTENSION}")
            if number <= pages:
                film = film_of(battle)
                target = self.path / f"{name}.html"
                target.write_text(page(film, f"{title_of(film)}, {name}", INDEX), encoding="utf-8")
                made.append(target)
                if video != "none":
                    save_video(film, target.with_suffix(f".{video}"))
            lines.append(
                {
                    "name": name,
                    "t_env": t_env,
                    "map": battle.options.get("map"),
                    "seed": str(battle.seed),
                    "facts": battle.facts,
                    "outcome": battle.outcome,
                }
            )
        end_line(self.path / BATTLES)
        with open(self.path / BATTLES, "a", encoding="utf-8") as file:
            file.writelines(json.dumps(line) + "\n" for line in lines)
        self.write_index()
        return made

    def battles(self) -> list[dict[str, Any]]:
        """The lines of battles.jsonl, the newest first, those left out that are no battle's."""
        path = self.path / BATTLES
        content = read_bytes(path, BATTLES_BYTES) if path.exists() else b""
        found = {
            b["name"]: b for line in content.splitlines() if (b := battle_of(line)) is not None
        }
        return sorted(found.values(), key=lambda battle: (-battle["t_env"], battle["name"]))

    def write_index(self) -> Path:
        """Replace index.html in one move."""
        rows = self.battles()
        groups = [(t, list(some)) for t, some in groupby(rows, key=lambda row: row["t_env"])]
        body = "".join(self._group(t, some, k == 0) for k, (t, some) in enumerate(groups))
        name = html.escape(self.path.parent.name)
        text = _INDEX.format(
            policy=policy([], [_STYLE]), style=_STYLE, name=name, count=len(rows), body=body
        )
        temporary = self.path / f".{INDEX}.tmp"
        temporary.write_text(text, encoding="utf-8")
        return temporary.replace(self.path / INDEX)

    def _group(self, t_env: int, rows: list[dict[str, Any]], is_open: bool) -> str:
        """The battles of one evaluation under a summary line."""
        known = [row["outcome"]["battle_won"] for row in rows if "battle_won" in row["outcome"]]
        wins = f", {sum(1 for won in known if won)} of {len(known)} won" if known else ""
        cells = "".join(map(self._row, rows))
        return (
            f"<details{' open' if is_open else ''}><summary>after {t_env:,} steps: "
            f"{len(rows)} battles{wins}</summary><table><tr><th>battle<th>map<th>player<th>outcome"
            f"<th>steps<th>return<th>lost<th>killed<th>files</tr>{cells}</table></details>"
        )

    def _row(self, row: dict[str, Any]) -> str:
        outcome, name = row["outcome"], html.escape(str(row["name"]))
        page = self.path / f"{row['name']}.html"
        has_page, video = page.exists(), video_of(page)
        result = result_of(outcome)
        cells = [
            f'<a href="{name}.html">{name}</a>' if has_page else name,
            html.escape(str(row["map"])),
            html.escape(str(row["facts"].get("player", ""))),
            f'<span class="{"won" if result == "won" else "lost"}">{result}</span>',
            _number(outcome.get("steps"), "{:.0f}"),
            _number(outcome.get("return"), "{:.2f}"),
            _number(outcome.get("dead_allies"), "{:.0f}"),
            _number(outcome.get("dead_enemies"), "{:.0f}"),
            f'<a href="{name}{EXTENSION}" download>trace</a>',
        ]
        if video is not None:
            cells[-1] += f' <a href="{name}{video.suffix}">{video.suffix[1:]}</a>'
        return "<tr>" + "".join(f"<td>{cell}" for cell in cells) + "</tr>"


def _number(value: object, form: str) -> str:
    return form.format(value) if isinstance(value, int | float) else ""


_STYLE = """
:root { color-scheme: light dark; --line: #8884; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 960px; margin: 2em auto; padding: 0 1em; }
h1 { font-size: 20px; } p { opacity: 0.75; }
summary { cursor: pointer; padding: 6px 0; font-weight: 600; border-top: 1px solid var(--line); }
table { border-collapse: collapse; width: 100%; margin-bottom: 1em; }
td, th { text-align: left; padding: 3px 10px 3px 0; font-variant-numeric: tabular-nums; }
th { font-weight: 500; opacity: 0.65; } td { border-top: 1px solid var(--line); }
.won { color: #16a34a; font-weight: 600; } .lost { color: #dc4a26; }
"""

_INDEX = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Battles of {name}</title><link rel="icon" href="data:,"><style>{style}</style></head>
<body><h1>{name}</h1>
<p>{count} battles. One without a page: python -m marl.replay &lt;its trace&gt;</p>
{body}
</body></html>
"""


def battle_of(line: bytes) -> dict[str, Any] | None:
    """What a line of battles.jsonl says of a battle; None where it does not."""
    try:
        battle: Any = load_json(line, BATTLES)
        match battle:
            case {"name": str(name), "t_env": t_env, "facts": facts, "outcome": outcome, "map": _}:
                check_facts(facts)
                check_facts(outcome)
                check_number(t_env, 0, 2**60)
                return dict(battle) if 0 < len(name) <= MAX_NAME else None
    except (UnreadableError, ValueError):
        return None
    return None


def end_line(path: Path) -> None:
    """End a truncated last line (of a killed run), so that the next line stays whole."""
    content = read_bytes(path, BATTLES_BYTES) if path.exists() else b""
    if content and not content.endswith(b"\n"):
        with open(path, "ab") as file:
            file.write(b"\n")
