"""Pages: one HTML file with a film and its viewer, without requests to anywhere.

The film is embedded as base64, so that no name in it can close a tag; the viewer shows names as
text only. A content security policy allows the viewer's own script and style, and no requests.
"""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Sequence
from importlib import resources
from string import Template

from marl.replay.film import Film

SCRIPTS = ("film.js", "shapes.js", "view.js", "field.js", "charts.js", "panel.js", "main.js")


def page(film: Film, title: str = "", index: str = "") -> str:
    """The film's page. index: the link to the list of battles, "" = none."""
    script = "(() => {\n'use strict';\n" + "".join(map(_read, SCRIPTS)) + "})();\n"
    style = _read("viewer.css")
    link = f'<a href="{html.escape(index)}">all battles</a> ' if index else ""
    return Template(_read("viewer.html")).substitute(
        policy=policy([script], [style]),
        title=html.escape(title or title_of(film)),
        style=style,
        links=link,
        film=base64.b64encode(film.to_bytes()).decode(),
        script=script,
    )


def title_of(film: Film) -> str:
    """The map and the result."""
    return f"{film.map_name}: {result_of(film.outcome)}"


def result_of(outcome: dict) -> str:
    """won, lost, out of time, or battle if the outcome does not say."""
    if "battle_won" not in outcome:
        return "battle"
    if outcome["battle_won"]:
        return "won"
    return "out of time" if outcome.get("truncated") else "lost"


def policy(scripts: Sequence[str], styles: Sequence[str]) -> str:
    """The content security policy that allows these scripts and styles only."""

    def hashes(sources: Sequence[str]) -> str:
        digests = (hashlib.sha256(text.encode()).digest() for text in sources)
        return " ".join(f"'sha256-{base64.b64encode(d).decode()}'" for d in digests) or "'none'"

    return (
        f"default-src 'none'; script-src {hashes(scripts)}; "
        f"style-src {hashes(styles)}; img-src data:; base-uri 'none'; form-action 'none'"
    )


def _read(name: str) -> str:
    return (resources.files("marl.replay") / "viewer" / name).read_text(encoding="utf-8")
