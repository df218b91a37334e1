"""The page in a real browser: it loads, plays, scrubs, shows health falling, and asks for nothing.

The browser is Chromium (or what $CHROMIUM names); without one these tests are skipped.
"""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import numpy as np
import pytest
from arena import NAMES, OPEN, TYPES, Arena
from chromium import Browser, find_chromium

from marl.replay.film import Film, Recorder, kinds_of
from marl.replay.page import page

CHROMIUM = find_chromium()
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")

EVIL = "</script><script>document.title='run'</script><img src=x onerror=alert(1)>"
LOOPS = 400
STEPS = LOOPS // 8
VITALITY = "viewer.film.sideVitality({side})[viewer.film.at(viewer.loop).frame]"


def battle(name: str = "duel", **facts) -> Film:
    """Two stalkers shoot at a zealot and a marine that come; channels as LAGMA's and PPO's."""
    arena = Arena(
        [("Stalker", 10.0, 12.0), ("Stalker", 10.0, 16.0)],
        [("Zealot", 20.0, 12.0), ("Marine", 20.0, 16.0)],
    ).act(6, 7)
    arena.send_enemies(10.0, 14.0)
    camera = Recorder(name, 2**63 + 5, kinds_of(NAMES, TYPES), OPEN, facts=facts)
    camera.frame(0, arena.units)
    for loop in range(1, LOOPS + 1):
        camera.frame(loop, arena.run().units)
    numbers = np.random.default_rng(1)
    slots = STEPS + 1
    q = numbers.random((slots, 2, 8))
    q[:, :, 2] = np.nan
    goal = np.zeros((slots, 6), dtype=bool)
    goal[5:, 2:4] = True
    channels = {
        "reward": numbers.random(STEPS),
        "action": np.full((STEPS, 2), 6),
        "q": q,
        "probability": np.where(np.isnan(q), np.nan, 1 / 7),
        "regret": 1 - q,  # of each action too, by a learner of somebody's own
        "q_total": numbers.random(STEPS),
        "code": np.repeat([0, 2, 3], [10, 20, slots - 30]),
        "cq": np.repeat([np.nan, 2.0, 3.0], [10, 20, slots - 30]),
        "intrinsic": np.eye(STEPS)[10] * 0.5,
        "goal": goal,
        "goal_from": np.repeat([[-1, -1], [7, 5]], [5, slots - 5], axis=0),
        "code_x": numbers.random(6),
        "code_y": numbers.random(6),
        "code_value": np.array([np.nan, 1.0, 2.0, 3.0, np.nan, np.nan]),
    }
    made = camera.finish({"battle_won": 1.0, "steps": STEPS, "return": 3.5})
    return made.with_channels(channels)


@pytest.fixture(scope="module")
def browser():
    assert CHROMIUM is not None
    found = Browser(CHROMIUM)
    yield found
    found.close()


@pytest.fixture
def shown(browser, tmp_path):
    """The browser with the battle's page just loaded."""
    path = tmp_path / "battle.html"
    path.write_text(page(battle(player="lagma", t_env=1000)), encoding="utf-8")
    browser.complaints.clear()
    browser.requests.clear()
    browser.size(1280, 800)
    load(browser, path)
    yield browser
    assert browser.complaints == []
    assert [url for url in browser.requests if not url.startswith(("file:", "data:"))] == []


def load(browser: Browser, path: Path) -> None:
    """Load a page and wait until its battle is shown."""
    browser.open(path.resolve().as_uri())
    browser.wait("document.body && document.body.dataset.ready === 'yes'")


def time_of(browser: Browser) -> float:
    return browser.evaluate("viewer.loop")


def centre(browser: Browser, selector: str) -> tuple[float, float]:
    """Where an element's middle is in the window, scrolled to if need be."""
    element = f"document.querySelector({selector!r})"
    x, y = browser.evaluate(
        f"{element}.scrollIntoView({{block: 'nearest'}}), (box => "
        "[box.x + box.width / 2, box.y + box.height / 2])"
        f"({element}.getBoundingClientRect())"
    )
    return x, y


def coloured(browser: Browser) -> int:
    """How many colours the battlefield's canvas has."""
    return browser.evaluate(
        "(() => { const c = document.getElementById('field');"
        "const d = new Uint32Array(c.getContext('2d').getImageData(0, 0, c.width, c.height)"
        ".data.buffer); return new Set(d).size; })()"
    )


def test_nothing_in_a_page_can_end_its_tags():
    text = page(battle(EVIL, player=EVIL), title=EVIL, index=EVIL)
    assert EVIL not in text
    assert text.count("<script") == text.count("</script>") == 2
    assert re.search(r"<title>&lt;/script&gt;", text)
    policy = re.search(r'Policy" content="([^"]*)"', text)
    assert policy is not None
    assert "unsafe" not in policy[1]
    assert policy[1].startswith("default-src 'none'")


def test_a_page_is_small():
    assert len(page(battle()).encode()) < 100_000


@needs_chromium
def test_the_browser_reads_every_number_of_the_film(shown):
    made = battle()
    for name in ("x", "health", "facing", "order_target", "shot", "missile_x"):
        there = json.loads(
            shown.evaluate(f"JSON.stringify(Array.from(viewer.film.arrays[{name!r}].data))")
        )
        assert there == made.columns[name].ravel().tolist(), name
    q = json.loads(shown.evaluate("JSON.stringify(Array.from(viewer.film.series.q.data))"))
    ours = Film.from_bytes(made.to_bytes()).channels["q"].ravel()
    there = np.array([np.nan if v is None else v for v in q])
    np.testing.assert_allclose(there, ours, atol=1e-5)


@needs_chromium
def test_the_page_loads_and_says_how_it_ended(shown):
    text = shown.evaluate("document.body.innerText")
    assert "duel" in text
    assert "won" in text
    assert "lagma after 1,000 steps" in text
    assert str(2**63 + 5) in text  # no digit lost
    assert coloured(shown) > 20


@needs_chromium
def test_it_plays_pauses_and_health_falls(shown):
    before = shown.evaluate(VITALITY.format(side=1))
    bar = "document.querySelector('.team-1 .bar .health').getBoundingClientRect().width"
    wide = shown.evaluate(bar)
    shown.press("ArrowUp")  # twice as fast
    shown.press(" ", "Space")
    shown.wait("viewer.loop > 60")
    shown.press(" ", "Space")
    stopped = time_of(shown)
    time.sleep(0.2)
    assert time_of(shown) == stopped
    shown.press("End")
    shown.wait("document.getElementById('step').textContent === '50'")
    assert shown.evaluate(VITALITY.format(side=1)) < before
    assert shown.evaluate(bar) < wide
    assert shown.evaluate("document.querySelectorAll('.team-1 .unit.dead').length") >= 1


@needs_chromium
def test_the_mouse_scrubs_the_timeline_and_the_keys_step(shown):
    box = shown.evaluate(
        "Object.values(document.getElementById('timeline').getBoundingClientRect().toJSON())"
    )
    x, y, width, height = box[:4]
    shown.click(x + 0.25 * width, y + height / 2)
    assert abs(time_of(shown) - 0.25 * LOOPS) < 2
    shown.press("ArrowRight")
    assert time_of(shown) == 8 * (int(0.25 * LOOPS) // 8 + 1)
    shown.press(".")
    assert time_of(shown) % 8 == 1
    shown.press("Home")
    assert time_of(shown) == 0


@needs_chromium
def test_a_click_on_a_unit_shows_what_it_does_and_thinks(shown):
    shown.evaluate("viewer.seek(100)")
    shown.wait("!viewer.waiting")
    x, y = shown.evaluate(
        "(() => { const f = viewer.field; const p = viewer.film.place(viewer.film.at(100), 0);"
        "const [px, py] = f.screen(p.x, p.y); const b = f.canvas.getBoundingClientRect();"
        "return [b.x + px, b.y + py]; })()"
    )
    shown.click(x, y)
    shown.wait("document.getElementById('details').innerText.includes('Stalker 1')")
    text = shown.evaluate("document.getElementById('details').innerText")
    assert "attack Zealot 1" in text
    assert "Q-values at step 12" in text
    lists = shown.evaluate(
        "[...document.querySelectorAll('.values')].map(list => [list.querySelector('h3').innerText,"
        "list.querySelectorAll('.value').length, list.querySelectorAll('.value.chosen').length])"
    )
    assert lists == [  # one of eight actions is masked
        ["Q-values at step 12", 7, 1],
        ["Probabilities at step 12", 7, 1],
        ["regret at step 12", 7, 1],
    ]
    bars = "[...document.querySelectorAll('.values')][1].querySelectorAll('.value-bar')"
    widths = shown.evaluate(f"[...{bars}].map(bar => parseFloat(bar.style.width))")
    # A full bar is certainty; some browsers give widths of six digits.
    assert widths == pytest.approx([8 + 92 / 7] * 7, abs=1e-3)
    assert shown.evaluate("document.querySelector('.value.chosen').innerText").startswith("attack")


@needs_chromium
def test_lagmas_channels_stand_beside_the_battle(shown):
    shown.evaluate("viewer.seek(8 * 10)")
    shown.wait("document.getElementById('code-note').innerText.includes('code 2')")
    note = shown.evaluate("document.getElementById('code-note').innerText")
    assert "C_q 2.00" in note
    assert "goal trajectory: codes 2, 3; episode 7 from step 5" in note
    values = shown.evaluate("[...document.querySelectorAll('.chart-value')].map(v => v.innerText)")
    assert "0.50" in values  # the intrinsic reward of step 10
    assert "code 2" in values


@needs_chromium
def test_every_switch_works_in_both_themes_and_on_a_phone(shown):
    for name in ("follow", "orders", "sight", "reach", "trails", "names"):
        before = shown.evaluate(f"viewer.toggles.{name}")
        shown.click(*centre(shown, f"#show-{name}"))
        assert shown.evaluate(f"viewer.toggles.{name}") is not before
    dark = shown.evaluate("getComputedStyle(document.body).backgroundColor")
    shown.press("d")
    assert shown.evaluate("getComputedStyle(document.body).backgroundColor") != dark
    shown.press("?")
    assert shown.evaluate("document.getElementById('help').open")
    shown.click(*centre(shown, "#help-close"))
    assert not shown.evaluate("document.getElementById('help').open")
    shown.size(390, 800)
    shown.wait("viewer.field.width < 390")
    assert shown.evaluate("document.documentElement.scrollWidth") <= 390
    assert coloured(shown) > 20


@needs_chromium
def test_a_hostile_name_is_shown_as_text(browser, tmp_path):
    path = tmp_path / "evil.html"
    path.write_text(page(battle(EVIL, player=EVIL), title=EVIL), encoding="utf-8")
    browser.complaints.clear()
    load(browser, path)
    assert browser.evaluate("document.title") == EVIL
    assert browser.evaluate("document.getElementById('map').textContent") == EVIL
    assert browser.evaluate("document.querySelectorAll('img').length") == 0
    assert browser.complaints == []


@needs_chromium
def test_an_empty_film_has_a_page_too(browser, tmp_path):
    path = tmp_path / "empty.html"
    empty = Recorder("nothing", 1, kinds_of(NAMES, TYPES), OPEN).finish()
    path.write_text(page(empty), encoding="utf-8")
    browser.complaints.clear()
    load(browser, path)
    browser.press(" ", "Space")
    browser.press("End")
    assert browser.complaints == []
