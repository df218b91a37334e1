"""Pages: one HTML file that holds a film and its viewer, and asks nobody for anything.

The film is embedded as base64, so that no name in it can close a tag; the viewer puts names on the
page as text only. A content policy lets nothing run but the viewer itself, and nothing be fetched.
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
    """The film's page. index: a link beside it to the list of battles, "" = none."""
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
    """The map and how it went."""
    return f"{film.map_name}: {result_of(film.outcome)}"


def result_of(outcome: dict) -> str:
    """won, lost, out of time, or what else is known."""
    if "battle_won" not in outcome:
        return "battle"
    if outcome["battle_won"]:
        return "won"
    return "out of time" if outcome.get("truncated") else "lost"


def policy(scripts: Sequence[str], styles: Sequence[str]) -> str:
    """A content policy that allows these and nothing else, from nowhere."""

    def sums(texts: Sequence[str]) -> str:
        digests = (hashlib.sha256(text.encode()).digest() for text in texts)
        return " ".join(f"'sha256-{base64.b64encode(d).decode()}'" for d in digests) or "'none'"

    return (
        f"default-src 'none'; script-src {sums(scripts)}; "
        f"style-src {sums(styles)}; img-src data:; base-uri 'none'; form-action 'none'"
    )


def _read(name: str) -> str:
    return (resources.files("marl.replay") / "viewer" / name).read_text(encoding="utf-8")
