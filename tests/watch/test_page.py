"""The page in a real browser."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from chromium import Browser, find_chromium
from watch.builders import add_battle, make_run, point_lines

from marl.run.ending import Ending, note
from marl.watch.runs import Runs
from marl.watch.server import WatchServer

TITLES = "[...document.querySelectorAll('.card h2')].map(title => title.textContent)"
CURVE = (
    "[...document.querySelectorAll('.card')].find(card => card.innerText.startsWith('%s'))"
    "?.querySelector('path.curve')?.getAttribute('d')"
)
WORDS = "document.querySelector('.progress .words').innerText"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = find_chromium()
    if program is None:
        pytest.skip("no chromium on this machine to look at the page with")
    browser = Browser(program, 1200, 900)
    yield browser
    browser.close()


class Served:
    """A server that can be ended in the middle of a test."""

    def __init__(self, folder: Path, port: int = 0) -> None:
        self.server = WatchServer(Runs(folder), port)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))
        self.thread.start()

    def end(self) -> None:
        if self.thread.is_alive():
            self.server.shutdown()
            self.thread.join()
            self.server.server_close()


@pytest.fixture
def served(tmp_path: Path, browser: Browser) -> Iterator[Served]:
    """The page of the folder `results`; nothing may be wrong in the browser's console after it."""
    browser.complaints.clear()
    (tmp_path / "results").mkdir()
    served = Served(tmp_path / "results")
    yield served
    served.end()
    browser.open("about:blank")
    assert browser.complaints == []


@pytest.fixture
def run(tmp_path: Path, served: Served) -> Path:
    return make_run(tmp_path / "results" / "run")


def test_a_run_is_shown_with_all_its_curves(browser, served, run):
    browser.open(served.server.url)
    assert browser.wait("document.querySelector('h1')?.textContent === '3m'")
    titles = browser.wait(f"{TITLES}.length > 8 && {TITLES}")
    for title in ("Win rate", "Return", "Learning error", "Codebook use", "my_own_metric"):
        assert title in titles
        assert browser.evaluate(CURVE % title).startswith("M")
    assert "Broken episodes" not in titles  # this run has no such metric
    assert browser.evaluate(WORDS).startswith("29,000 of 100,000 steps")
    tiles = browser.evaluate("document.querySelector('.tiles').innerText")
    assert "Test win rate\n46.7 %" in tiles  # 0.5 * 28 / 30
    assert "Codes in use\n16" in tiles  # a quarter of 64, at the last point


def test_new_points_come_by_themselves_also_after_half_a_line(browser, served, run):
    browser.open(served.server.url)
    before = browser.wait(CURVE % "Win rate")
    lines = "".join(point_lines(30, 3))
    with (run / "metrics.jsonl").open("a") as file:
        file.write(lines[:-20])
        file.flush()
        browser.wait(f"{WORDS}.startsWith('31,000')")
        file.write(lines[-20:])
    browser.wait(f"{WORDS}.startsWith('32,000')")
    assert browser.evaluate(CURVE % "Win rate") != before


def test_pointing_at_a_chart_reads_every_chart_at_that_place(browser, served, run):
    browser.open(served.server.url)
    browser.wait(CURVE % "Win rate")
    shown = "[...document.querySelectorAll('.card .legend b')].map(value => value.textContent)"
    newest = browser.evaluate(shown)
    box = browser.evaluate("document.querySelector('svg.chart').getBoundingClientRect().toJSON()")
    browser.move_mouse(box["x"] + 60, box["y"] + 60)
    browser.wait("document.querySelectorAll('line.cross').length > 8")
    assert browser.evaluate(shown) != newest
    assert "steps" in browser.evaluate("document.querySelector('text.at').textContent")
    browser.move_mouse(1, 1)
    browser.wait("document.querySelectorAll('line.cross').length === 0")
    assert browser.evaluate(shown) == newest


def test_new_points_do_not_take_away_the_place_that_is_pointed_at(browser, served, run):
    browser.open(served.server.url)
    browser.wait(CURVE % "Win rate")
    box = browser.evaluate("document.querySelector('svg.chart').getBoundingClientRect().toJSON()")
    browser.move_mouse(box["x"] + 60, box["y"] + 60)
    read = "document.querySelector('text.at')?.textContent"
    place, before = browser.wait(read), browser.evaluate(WORDS)
    with (run / "metrics.jsonl").open("a") as file:
        file.write("".join(point_lines(30, 5)))
    browser.wait(f"{WORDS} !== {json.dumps(before)}")
    assert browser.evaluate(read) == place
    assert browser.evaluate("document.querySelectorAll('line.cross').length") > 8
    browser.move_mouse(1, 1)


def test_a_chart_can_be_read_with_the_keyboard(browser, served, run):
    browser.open(served.server.url)
    browser.wait(CURVE % "Win rate")
    key = "new KeyboardEvent('keydown', {key: 'Home', bubbles: true})"
    browser.evaluate(f"document.querySelector('svg.chart').dispatchEvent({key}) && 0")
    assert browser.evaluate("document.querySelector('text.at').textContent") == "0 steps"
    label = browser.evaluate("document.querySelector('svg.chart').getAttribute('aria-label')")
    assert label.startswith("Win rate: tests, greedy")


def test_the_last_recorded_battle_plays_in_its_frame_and_a_newer_one_is_offered(
    browser, served, run
):
    script = "<p>red</p><script>document.querySelector('p').textContent = 'won'</script>"
    first = add_battle(run, "first.html", script)
    os.utime(first, (time.time() - 100, time.time() - 100))
    browser.open(served.server.url)
    source = browser.wait("document.querySelector('iframe')?.src")
    assert source.endswith("/replays/run=run/first.html")
    browser.wait("document.querySelector('#battle').getBoundingClientRect().height > 300")
    add_battle(run, "second.html", script)
    browser.wait("!document.querySelector('#battle button').hidden")
    assert browser.evaluate("document.querySelector('iframe').src") == source
    browser.evaluate("document.querySelector('#battle button').click()")
    browser.wait("document.querySelector('iframe').src.endsWith('second.html')")
    browser.open(source)
    browser.wait("document.querySelector('p')?.textContent === 'won'")


def test_the_first_recorded_battle_appears_by_itself(browser, served, run):
    browser.open(served.server.url)
    browser.wait("document.querySelector('#battle')?.textContent.includes('None yet')")
    add_battle(run, "first.html")
    browser.wait("document.querySelector('iframe')?.src.endsWith('first.html')")


def test_the_folder_of_one_run_can_be_watched_with_its_battles(browser, served, run):
    script = "<p>red</p><script>document.querySelector('p').textContent = 'won'</script>"
    add_battle(run, "one.html", script)
    itself = Served(run)
    try:
        browser.open(itself.server.url)
        source = browser.wait("document.querySelector('iframe')?.src")
        browser.open(source)
        browser.wait("document.querySelector('p')?.textContent === 'won'")
    finally:
        itself.end()


def test_several_runs_are_a_list_that_leads_to_each(browser, served, run):
    make_run(run.parent / "other", config="qmix", seed=7)
    browser.open(served.server.url)
    browser.wait("document.querySelectorAll('tbody tr').length === 2")
    assert "qmix · seed 7" in browser.evaluate("document.querySelector('tbody').innerText")
    assert browser.evaluate("document.querySelectorAll('svg.chart path.curve').length") == 2
    browser.evaluate("document.querySelector('tr.go a[href$=other]').click()")
    browser.wait("document.querySelector('.sub')?.textContent.startsWith('qmix · sc2 · seed 7')")
    assert browser.evaluate("document.querySelector('.crumb a').textContent") == "← all runs"


SHOWN = "document.querySelectorAll('svg.chart path.curve').length"
LEGEND = "[...document.querySelectorAll('.legend button')].map(one => one.innerText.trim())"


def test_seeds_of_one_configuration_are_one_line_with_a_band(browser, served, run):
    for seed in (2, 3):
        make_run(run.parent / f"s{seed}", points=40 * seed, seed=seed)
    browser.open(served.server.url)
    browser.wait(f"{LEGEND}.length === 1")
    for name, size in (("big", 64), ("small", 32)):
        make_run(run.parent / name, seed=9, config="qmix", size=size)
    browser.wait(f"{LEGEND}.length === 3")
    words = " ".join(browser.evaluate(LEGEND))
    for words_of_line in ("lagma · 3 seeds", "qmix size=64 · seed 9", "qmix size=32 · seed 9"):
        assert words_of_line in words
    assert browser.evaluate(SHOWN) == 3
    assert browser.evaluate("document.querySelectorAll('svg.chart path.band').length") == 1
    assert browser.evaluate("document.querySelectorAll('tbody tr').length") == 5
    each = (
        "[...document.querySelectorAll('.tools button')].find(one => one.innerText === 'each run')"
    )
    browser.evaluate(f"{each}.click()")
    browser.wait(f"{SHOWN} === 5")
    assert browser.evaluate("document.querySelectorAll('svg.chart path.band').length") == 0


def test_the_reader_chooses_the_lines_and_the_choice_outlasts_new_points(browser, served, run):
    for number in range(7):
        make_run(run.parent / f"other{number}", config=f"config{number}")
    browser.open(served.server.url)
    browser.wait(f"{LEGEND}.length === 8")
    assert browser.evaluate(SHOWN) == 6  # the newest
    hidden = "document.querySelectorAll('.legend button[aria-pressed=false]')"
    browser.evaluate(f"[...{hidden}].forEach(one => one.click())")
    assert browser.evaluate(SHOWN) == 8
    browser.evaluate("document.querySelector('.legend button').click()")
    assert browser.evaluate(SHOWN) == 7
    name = browser.evaluate(f"{hidden}[0].querySelector('.label').innerText")
    with (run / "metrics.jsonl").open("a") as file:
        file.write("".join(point_lines(30, 4)))
    browser.wait("document.querySelector('tbody').innerText.includes('33k of 100k')")
    assert browser.evaluate(SHOWN) == 7
    assert browser.evaluate(f"{hidden}[0].querySelector('.label').innerText") == name


def test_names_are_text_whatever_they_say(browser, served, run):
    evil = "<img src=x onerror=document.title='broken'>"
    make_run(run.parent / "second", map=evil, label=evil)
    browser.open(served.server.url)
    browser.wait("document.querySelectorAll('tbody tr').length === 2")
    assert browser.evaluate("document.querySelectorAll('img').length") == 0
    assert evil in browser.evaluate("document.querySelector('tbody').innerText")


def test_it_says_when_the_server_is_gone_and_goes_on_when_it_is_back(browser, served, run):
    browser.open(served.server.url)
    browser.wait(CURVE % "Win rate")
    served.end()
    browser.wait("!document.getElementById('lost').hidden")
    browser.complaints.clear()  # refused connections, which a browser always writes down
    again = Served(run.parent, served.server.server_port)
    try:
        browser.wait("document.getElementById('lost').hidden")
    finally:
        again.end()
        browser.open("about:blank")
        browser.complaints.clear()


def test_axes_have_units_and_small_shares_are_not_nothing(browser, served, run):
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    few = [line | {"intrinsic_paid": 0.00031} for line in lines]
    (run / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in few))
    browser.open(served.server.url)
    browser.wait(CURVE % "Steps paid")
    card = "[...document.querySelectorAll('.card')].find(card => card.innerText.startsWith('%s'))"
    texts = "[...%s.querySelectorAll('text')].map(text => text.textContent)"
    shown = browser.evaluate(texts % (card % "Speed"))
    assert "steps/s" in shown
    assert "25k steps" in shown
    paid = browser.evaluate(f"{card % 'Steps paid'}.querySelector('.legend b').textContent")
    assert paid == "0.031 %"


@pytest.mark.parametrize(
    ("value", "said"),
    [(0.0, "0 %"), (0.00042, "0.042 %"), (0.004, "0.4 %"), (0.0123, "1.2 %"), (1.0, "100 %")],
)
def test_percents_are_read_as_they_are(browser, served, run, value, said):
    browser.open(served.server.url)
    browser.wait(CURVE % "Win rate")
    found = browser.evaluate(f"import('/scales.js').then(scales => scales.percent({value}))")
    assert found == said


def test_an_axis_has_more_than_one_mark(browser, served, run):
    browser.open(served.server.url)
    browser.wait(CURVE % "Win rate")
    marks = "import('/scales.js').then(scales => scales.ticks({}, {}, 4).length)"
    assert all(
        browser.evaluate(marks.format(low, high)) > 1
        for low, high in ((4.5, 94.0), (0.0, 1.0), (99.0, 101.0), (0.31, 0.39), (-1e-4, 3e-5))
    )


def test_a_collapsed_codebook_is_said(browser, served, run):
    said = "document.querySelector('.note').textContent"
    browser.open(served.server.url)
    browser.wait(CURVE % "Codebook use")
    assert browser.evaluate(said) == ""
    labels = "document.querySelector('.grid').innerText"
    assert "perplexity" in browser.evaluate(labels)
    collapsed = {"t_env": 30_000, "codebook_perplexity": 1.0, "codebook_usage": 1 / 64}
    with (run / "metrics.jsonl").open("a") as file:
        file.write(json.dumps(collapsed) + "\n")
    assert browser.wait(said).startswith("one code is in use")


def test_why_a_run_ended_or_what_it_waits_for_is_said(browser, served, run):
    evil = "<img src=x onerror=document.title='broken'> is no number"
    note(run, Ending("failed", evil))
    waiting = make_run(run.parent / "waiting", map="8m")
    (waiting / "metrics.jsonl").unlink()
    browser.open(served.server.url)
    browser.wait("document.querySelectorAll('tbody tr').length === 2")
    body = browser.evaluate("document.querySelector('tbody').innerText")
    assert evil in body
    assert "waits for its first test of 32 episodes" in body
    browser.open(f"{served.server.url}?run=run")
    assert browser.wait("document.querySelector('.note')?.textContent") == evil
    assert browser.evaluate("document.querySelector('.pill').textContent") == "failed"


def test_runs_of_two_tasks_share_no_chart(browser, served, run):
    for name in ("CartPole-v1", "FrozenLake-v1"):
        own = {"config": "dqn", "env_config": "gymnasium", "map": None, "env_id": name}
        make_run(run.parent / name, **own)
    for name in "ab":  # what they play cannot be read
        (make_run(run.parent / name) / "config.yaml").unlink()
    browser.open(served.server.url)
    browser.wait("document.querySelectorAll('tbody tr').length === 5")
    charts = [title for title in browser.evaluate(TITLES) if title]
    assert sorted(charts) == ["3m", "CartPole-v1", "FrozenLake-v1", "a", "b"]
    assert "CartPole-v1 dqn" in browser.evaluate("document.querySelector('tbody').innerText")


def test_the_frame_of_a_battle_is_as_high_as_its_page_and_its_video_is_linked(browser, served, run):
    says = "parent.postMessage({battleHeight: %s}, '*')"
    page = add_battle(run, "one.html", f"<script>{says % 1234.5}; {says % repr('9')}</script>")
    page.with_suffix(".gif").touch()
    browser.open(served.server.url)
    browser.wait("document.querySelector('iframe')?.style.height === '1236.5px'")
    links = "[...document.querySelectorAll('#battle a')].map(link => link.textContent)"
    assert browser.evaluate(links) == ["open", "gif"]


@pytest.mark.parametrize("width", [360, 800, 1600])
@pytest.mark.parametrize("runs", [1, 2])
def test_it_fits_every_width(browser, served, run, width, runs):
    if runs == 2:
        make_run(run.parent / "a-run-with-a-rather-long-name-20260101-000000-s1-and-a-label")
    browser.size(width, 900)
    try:
        browser.open(served.server.url)
        browser.wait("document.querySelectorAll('path.curve').length > 0")
        assert browser.evaluate("document.documentElement.scrollWidth") <= width
        table = "document.querySelector('.table')"
        if runs == 2 and width >= 800:  # whole, without being moved
            assert browser.evaluate(f"{table}.scrollWidth <= {table}.clientWidth")
    finally:
        browser.size(1200, 900)


def test_light_and_dark_are_chosen_and_kept(browser, served, run):
    browser.open(served.server.url)
    browser.wait(CURVE % "Win rate")
    ground = "getComputedStyle(document.body).backgroundColor"
    before = browser.evaluate(ground)
    browser.evaluate("document.querySelector('[title=\"light or dark\"]').click()")
    after = browser.evaluate(ground)
    assert after != before
    browser.open(served.server.url)
    browser.wait(CURVE % "Win rate")
    assert browser.evaluate(ground) == after
    browser.evaluate("localStorage.clear()")
