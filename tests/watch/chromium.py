"""A headless Chromium told what to do over its DevTools pipe; nothing but the standard library.

Messages are JSON with a zero byte after each: the browser reads its descriptor 3 and writes its 4
(--remote-debugging-pipe).
"""

from __future__ import annotations

import fcntl
import json
import os
import queue
import shutil
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import pytest

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)
SECONDS = 30.0
FREE_FROM = 10  # descriptors that are neither 3 nor 4


class Browser:
    """One tab. `errors`: what its console had to complain about."""

    def __init__(self, profile: Path, width: int = 1200, height: int = 900) -> None:
        program = shutil.which("chromium") or shutil.which("chromium-browser")
        if program is None:
            pytest.skip("no chromium on this machine to look at the page with")
        to_it, from_it = _pipe(), _pipe()

        def arrange() -> None:
            os.dup2(to_it[0], 3)
            os.dup2(from_it[1], 4)

        self.process = subprocess.Popen(
            [program, *FLAGS, f"--user-data-dir={profile}", "--remote-debugging-pipe"],
            preexec_fn=arrange,
            close_fds=False,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_it[0])
        os.close(from_it[1])
        self.output, self.input = to_it[1], os.fdopen(from_it[0], "rb")
        self.answers: queue.Queue[dict[str, Any]] = queue.Queue()
        self.errors: list[str] = []
        self.count = 0
        self.session: str | None = None
        threading.Thread(target=self._listen, daemon=True).start()
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self.session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")
        self.resize(width, height)

    def _listen(self) -> None:
        """Sort what it says: answers to the queue, complaints to `errors`."""
        rest = b""
        while piece := os.read(self.input.fileno(), 2**16):
            *messages, rest = (rest + piece).split(b"\0")
            for message in map(json.loads, messages):
                method, details = message.get("method"), message.get("params", {})
                if "id" in message:
                    self.answers.put(message)
                elif method == "Runtime.exceptionThrown":
                    self.errors.append(str(details["exceptionDetails"]))
                elif method == "Runtime.consoleAPICalled" and details["type"] == "error":
                    self.errors.append(str(details["args"]))
                elif method == "Log.entryAdded" and details["entry"]["level"] == "error":
                    self.errors.append(details["entry"]["text"])

    def call(self, method: str, **arguments: object) -> dict[str, Any]:
        """A command of the DevTools protocol, and its result."""
        self.count += 1
        message = {"id": self.count, "method": method, "params": arguments}
        if self.session is not None:
            message["sessionId"] = self.session
        os.write(self.output, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.answers.get(timeout=SECONDS)
            if answer["id"] == self.count:
                assert "error" not in answer, answer
                return answer["result"]

    def open(self, url: str) -> None:
        self.call("Page.navigate", url=url)

    def resize(self, width: int, height: int) -> None:
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    def value(self, script: str) -> Any:
        """What an expression is in the page."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def wait(self, script: str) -> Any:
        """The expression's value as soon as it is true of the page."""
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            found = self.value(script)
            if found:
                return found
            time.sleep(0.1)
        raise AssertionError(f"never true: {script}\n{self.value('document.body.innerText')}")

    def move_mouse(self, x: float, y: float) -> None:
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def close(self) -> None:
        """End it; ours alone."""
        self.process.kill()
        self.process.wait(timeout=SECONDS)
        os.close(self.output)


def _pipe() -> tuple[int, int]:
    """The two ends of a pipe, with high numbers."""
    ends = os.pipe()
    high = tuple(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, FREE_FROM) for end in ends)
    for end in ends:
        os.close(end)
    return high[0], high[1]
