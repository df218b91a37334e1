"""The page's server, over real HTTP on loopback."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from watch.builders import add_battle, make_run, point_lines

from marl.watch.runs import Runs
from marl.watch.server import FILES, PAGE, WatchServer


@pytest.fixture
def results(tmp_path: Path) -> Path:
    make_run(tmp_path / "3m" / "a")
    make_run(tmp_path / "3m" / "b b", seed=2)
    return tmp_path


@pytest.fixture
def server(results: Path) -> Iterator[WatchServer]:
    with WatchServer(Runs(results), 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def get(
    server: WatchServer, path: str, method: str = "GET", **headers: str
) -> tuple[int, http.client.HTTPMessage, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=60)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, answer.headers, body


def news(server: WatchServer, query: str) -> dict:
    status, _, body = get(server, f"/api/run?{query}")
    assert status == 200
    return json.loads(body)


def test_it_listens_on_loopback_alone(server):
    assert server.server_address[0] == "127.0.0.1"


def test_the_page_and_its_parts_are_served_and_allow_no_other_network(server):
    for path, (name, kind) in FILES.items():
        status, headers, body = get(server, path)
        assert (status, body) == (200, (PAGE / name).read_bytes())
        assert headers["Content-Type"].startswith(kind)
        assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert {name for name, _ in FILES.values()} == {path.name for path in PAGE.iterdir()}


def test_nothing_of_the_page_names_another_host():
    for path in PAGE.iterdir():
        text = path.read_text().replace("http://www.w3.org/2000/svg", "")
        assert "http:" not in text, path
        assert "https:" not in text, path
        assert "//cdn" not in text, path


def test_the_list_has_every_run_with_its_newest_figures(server, results):
    status, _, body = get(server, "/api/runs")
    listed = json.loads(body)
    assert (status, listed["folder"]) == (200, str(results))
    assert {run["name"] for run in listed["runs"]} == {"3m/a", "3m/b b"}
    (second,) = (run for run in listed["runs"] if run["name"] == "3m/b b")
    assert second["settings"]["seed"] == 2
    assert second["t_env"] == 29_000
    assert len(second["curve"]) == 10


def test_a_run_is_sent_whole_at_first_and_then_only_its_new_points(server, results):
    first = news(server, "run=3m/b%20b")
    assert (first["from"], len(first["points"])) == (0, 40)
    assert first["settings"]["codes"] == 64
    known = f"run=3m/b%20b&generation={first['generation']}&from=40"
    assert news(server, known)["points"] == []
    with (results / "3m" / "b b" / "metrics.jsonl").open("a") as file:
        file.write("".join(point_lines(31, 1)) + '{"t_env": 32')
    added = news(server, known)
    assert (added["from"], [point["t_env"] for point in added["points"]]) == (40, [31_000])


def test_a_file_that_was_replaced_is_sent_whole_again(server, results):
    first = news(server, "run=3m/a")
    path = results / "3m" / "a" / "metrics.jsonl"
    path.write_text('{"t_env": 7}\n')
    again = news(server, f"run=3m/a&generation={first['generation']}&from=40")
    assert (again["from"], again["points"]) == (0, [{"t_env": 7.0}])
    assert again["generation"] != first["generation"]


def test_values_that_are_not_finite_are_still_json_that_a_browser_reads(server, results):
    (results / "3m" / "a" / "metrics.jsonl").write_text('{"t_env": 1, "loss": NaN}\n')
    status, _, body = get(server, "/api/run?run=3m/a")
    assert status == 200
    assert b"NaN" not in body
    assert json.loads(body)["points"] == [{"t_env": 1.0, "loss": None}]


@pytest.mark.parametrize("query", ["", "run=", "run=..", "run=../..", "run=3m", "run=%00"])
def test_names_of_no_run_in_the_folder_are_not_found(server, query):
    assert get(server, f"/api/run?{query}")[0] == 404


@pytest.mark.parametrize("numbers", ["generation=x&from=-1", "from=99999999999999999999", "from=9"])
def test_numbers_that_make_no_sense_bring_all_points(server, numbers):
    assert len(news(server, f"run=3m/a&{numbers}")["points"]) == 40


def test_a_recorded_battle_is_served_shut_off_from_everything(server, results):
    page = add_battle(results / "3m" / "b b", "1000/battle 1.html")
    assert news(server, "run=3m/b%20b")["replays"]["newest"] == "1000/battle 1.html"
    status, headers, body = get(server, "/replays/run=3m%2Fb%20b/1000/battle%201.html")
    assert (status, body) == (200, page.read_bytes())
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("sandbox allow-scripts")
    assert "allow-same-origin" not in policy
    assert "default-src 'none'" in policy


def test_the_links_of_the_index_of_battles_work(server, results):
    add_battle(results / "3m" / "a", "0-001.trace", "bytes")
    status, headers, _ = get(server, "/replays/run=3m%2Fa/0-001.trace")
    assert (status, headers["Content-Type"]) == (200, "application/octet-stream")
    assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "path",
    [
        "run=3m%2Fa/../config.yaml",
        "run=3m%2Fa/..%2Fconfig.yaml",
        "run=3m%2Fa/../../../secret.html",
        "run=3m%2Fa/%2Fetc%2Fpasswd",
        "run=3m%2Fa/link.html",
        "run=3m%2Fa/loop.html",
        "run=3m%2Fa/notes.txt",
        "run=3m%2Fa/gone.html",
        "run=3m%2Fa/a%00.html",
        "run=3m/a/battle.html",
        "3m%2Fa/battle.html",
        "run=../secret.html",
        "run=..%2F3m%2Fa/battle.html",
    ],
)
def test_nothing_but_a_runs_own_recorded_battles_is_served(server, results, path):
    (results / "secret.html").write_text("secret")
    add_battle(results / "3m" / "a", "battle.html")
    add_battle(results / "3m" / "a", "notes.txt")
    (results / "3m" / "a" / "replays" / "link.html").symlink_to(results / "secret.html")
    (results / "3m" / "a" / "replays" / "loop.html").symlink_to("loop.html")
    assert get(server, f"/replays/{path}")[0] == 404


def test_a_page_from_elsewhere_whose_name_points_here_is_refused(server):
    port = server.server_port
    assert get(server, "/api/runs", Host=f"evil.example:{port}")[0] == 403
    assert get(server, "/api/runs", Host="evil.example")[0] == 403
    assert get(server, "/api/runs", Host=f"localhost:{port}")[0] == 200
    assert get(server, "/api/runs", Host="127.0.0.1")[0] == 200


def test_it_only_reads(server):
    assert get(server, "/api/runs", method="POST")[0] == 501
    status, headers, body = get(server, "/", method="HEAD")
    assert (status, body) == (200, b"")
    assert int(headers["Content-Length"]) == (PAGE / "index.html").stat().st_size


def test_a_client_that_sends_nonsense_or_leaves_harms_nobody(server, capfd):
    for said in (b"", b"\x00\xff\r\n\r\n", b"GET /api/runs HTTP/1.1\r\nHost: loc", b"GET " * 9999):
        with socket.create_connection(("127.0.0.1", server.server_port), timeout=60) as client:
            client.sendall(said)
    assert get(server, "/api/runs")[0] == 200
    assert capfd.readouterr().err == ""


def test_many_at_once_each_get_all(server):
    answers: list[int] = []

    def ask() -> None:
        for _ in range(10):
            answers.append(len(news(server, "run=3m/a")["points"]))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [40] * 80
