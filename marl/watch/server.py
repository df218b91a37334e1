"""The page's HTTP server: on loopback only, read-only, standard library only."""

from __future__ import annotations

import json
import os
import shutil
import socketserver
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from marl.program import PROGRAM
from marl.untrusted.files import open_regular
from marl.watch.runs import REPLAYS, Run, Runs

HOST = "127.0.0.1"
REPLAYS_PATH = "/replays/run="
# Host names that a browser on this machine uses. Any other one means DNS rebinding: a foreign page
# whose name points here, so that it may read our answers.
OWN_NAMES = ("127.0.0.1", "localhost")
PAGE = Path(__file__).parent / "page"
FILES = {
    "/": ("index.html", "text/html"),
    "/style.css": ("style.css", "text/css"),
    "/charts.js": ("charts.js", "text/javascript"),
    "/scales.js": ("scales.js", "text/javascript"),
    "/panels.js": ("panels.js", "text/javascript"),
    "/run.js": ("run.js", "text/javascript"),
    "/lines.js": ("lines.js", "text/javascript"),
    "/list.js": ("list.js", "text/javascript"),
    "/main.js": ("main.js", "text/javascript"),
}
OWN_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "frame-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# A recorded battle may come from a stranger: its scripts run without access to us or to a network.
REPLAY_POLICY = (
    "sandbox allow-scripts allow-downloads; default-src 'none'; script-src 'unsafe-inline'; "
    "style-src 'unsafe-inline'; img-src data: blob:; media-src data: blob:; connect-src data: blob:"
)
# File types of a replays/ folder; a browser saves .trace and .battle instead of showing them.
REPLAY_KINDS = {
    ".html": "text/html",
    ".gif": "image/gif",
    ".mp4": "video/mp4",
    ".trace": "application/octet-stream",
    ".battle": "application/octet-stream",
}
SILENCE_SECONDS = 30.0  # until a silent connection is closed


class WatchServer(ThreadingHTTPServer):
    """Serves the runs of one folder. port: 0 is any free one."""

    daemon_threads = True

    def __init__(self, runs: Runs, port: int) -> None:
        self.runs = runs
        self.lock = threading.Lock()  # for `runs`, which every request updates
        super().__init__((HOST, port), Handler)

    def server_bind(self) -> None:
        """Bind without http.server's DNS look-up, which may take seconds."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = HOST, self.server_address[1]

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.server_port}/"


class Handler(BaseHTTPRequestHandler):
    """One request: the page's files, the points as JSON, a recorded battle."""

    server: WatchServer
    protocol_version = "HTTP/1.0"  # a connection per answer: none outlives the server
    timeout = SILENCE_SECONDS

    def do_GET(self) -> None:
        """Answer; 404 for an unknown path."""
        name = self.headers.get("Host", "").rpartition(":")[0] or self.headers.get("Host", "")
        if name not in OWN_NAMES:
            self._refuse(HTTPStatus.FORBIDDEN, f"open {self.server.url} on this machine")
            return
        address = urlsplit(self.path)
        query = {key: values[-1] for key, values in parse_qs(address.query).items()}
        if address.path in FILES:
            name, kind = FILES[address.path]
            self._send((PAGE / name).read_bytes(), kind, OWN_POLICY)
        elif address.path == "/api/runs":
            self._list()
        elif address.path == "/api/run":
            self._run(query)
        elif address.path.startswith(REPLAYS_PATH):
            self._replay(*address.path.removeprefix(REPLAYS_PATH).partition("/")[::2])
        else:
            self._refuse(HTTPStatus.NOT_FOUND, "there is no such page")

    do_HEAD = do_GET  # noqa: N815 - http.server's name

    def _list(self) -> None:
        with self.server.lock:
            runs = self.server.runs.summaries()
        self._json({"folder": str(self.server.runs.folder), "runs": runs})

    def _run(self, query: dict[str, str]) -> None:
        """The points from number `from` on; all of them if the file has a new `generation`."""
        with self.server.lock:
            run = self.server.runs.get(query.get("run", ""))
            if run is None:
                self._refuse(HTTPStatus.NOT_FOUND, "there is no such run any more")
                return
            answer = news(run, _number(query.get("generation")), _number(query.get("from")) or 0)
        self._json(answer)

    def _replay(self, name: str, page: str) -> None:
        """A file of a run's replays/. name, page: percent-encoded, as in the URL."""
        page = unquote(page)
        with self.server.lock:
            run = self.server.runs.get(unquote(name))
        folder = Path(os.path.realpath(run.folder / REPLAYS)) if run else None
        file = Path(os.path.realpath(folder / page)) if folder and "\0" not in page else None
        if (
            folder is None
            or file is None
            or file.suffix not in REPLAY_KINDS
            or not file.is_relative_to(folder)
            or not file.is_file()
        ):
            self._refuse(HTTPStatus.NOT_FOUND, "there is no such recorded battle")
            return
        with open_regular(file) as content:
            size = os.fstat(content.fileno()).st_size
            self._head(size, REPLAY_KINDS[file.suffix], REPLAY_POLICY, HTTPStatus.OK)
            if self.command != "HEAD":
                shutil.copyfileobj(content, self.wfile)

    def _json(self, value: object) -> None:
        body = json.dumps(value, separators=(",", ":"), allow_nan=False)
        self._send(body.encode(), "application/json", OWN_POLICY)

    def _refuse(self, status: HTTPStatus, reason: str) -> None:
        self._send(f"{reason}\n".encode(), "text/plain", OWN_POLICY, status)

    def _send(
        self, body: bytes, kind: str, policy: str, status: HTTPStatus = HTTPStatus.OK
    ) -> None:
        self._head(len(body), kind, policy, status)
        if self.command != "HEAD":
            self.wfile.write(body)

    def _head(self, size: int, kind: str, policy: str, status: HTTPStatus) -> None:
        self.send_response(status)
        is_text = kind.startswith(("text/", "application/json"))
        self.send_header("Content-Type", f"{kind}; charset=utf-8" if is_text else kind)
        self.send_header("Content-Length", str(size))
        self.send_header("Content-Security-Policy", policy)
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        self.end_headers()

    def handle_one_request(self) -> None:
        """Ignore a browser that leaves in the middle of an answer."""
        try:
            super().handle_one_request()
        except ConnectionError:
            self.close_connection = True

    def log_message(self, *unused: object) -> None:
        """Log nothing: the page asks every other second."""


def news(run: Run, generation: int | None, first: int) -> dict[str, object]:
    """The run's state, and the points that a page with `first` points of `generation` lacks."""
    metrics = run.metrics
    start = first if generation == metrics.generation and first <= len(metrics.points) else 0
    return {
        "name": run.name,
        "task": run.configuration().task,
        "program": PROGRAM,
        "settings": run.settings(),
        **run.state(),
        "generation": metrics.generation,
        "from": start,
        "points": metrics.points[start:],
        "skipped": metrics.skipped,
        "replays": run.replays(),
    }


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdecimal() and len(text) < 16 else None
