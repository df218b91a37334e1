"""The clients of the game: their imports, and a free port for the game.

Each is imported in a process of its own: pysc2 with a new protobuf fails while it is imported, and
smac and smacv2 may not share a process (pysc2 then finds their maps twice).
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass

from marl.doctor.finding import Finding, State
from marl.doctor.packages import installed
from marl.doctor.probe import Probe, run_python

SECONDS = 120.0
# argv: the module, and a checkout to look for it in first ("" for none).
IMPORT = """
import importlib, sys
sys.path[:0] = filter(None, sys.argv[2:])
print(importlib.import_module(sys.argv[1]).__file__)
"""
# The error of protobuf 3.20.4 and later in the generated code of every s2clientprotocol on PyPI.
TOO_NEW = "Descriptors cannot be created directly"
PURE = "PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION"


@dataclass(frozen=True)
class Client:
    """A package that speaks to the game. module: the one that programs import."""

    topic: str
    module: str
    packages: tuple[str, ...]  # names on PyPI; each brings the module
    install: str
    source: str = ""  # environment variable with a checkout, as for backend=game


FROM_GIT = "pip install git+https://github.com/oxwhirl/{0}.git, or {1}=<a checkout>"
CLIENTS = (
    Client("protobuf", "google.protobuf", ("protobuf",), "pip install 'protobuf==3.20.3'"),
    Client(
        "messages",
        "s2clientprotocol.sc2api_pb2",
        ("s2clientprotocol", "pys2clientprotocol"),
        "pip install s2clientprotocol for clients, '.[sc2api]' for our server; not both in one",
    ),
    Client(
        "pysc2",
        "pysc2.run_configs",
        ("pysc2",),
        "pip install pysc2==4.0.0 'protobuf==3.20.3'",
    ),
    *(
        Client(name, f"{name}.env", (name,), FROM_GIT.format(name, variable), variable)
        for name, variable in (("smac", "SMAC_SOURCE"), ("smacv2", "SMACV2_SOURCE"))
    ),
)


def check_clients() -> list[Finding]:
    """Check every client, importing it as a program would."""
    return [check_client(client) for client in CLIENTS]


def check_client(client: Client, probe: Probe | None = None) -> Finding:
    """Check one client. probe: the result of importing its module."""
    checkout = os.environ.get(client.source, "") if client.source else ""
    probe = probe or run_python(["-c", IMPORT, client.module, checkout], SECONDS)
    found_as = {name: installed(name) for name in client.packages}
    there = [f"{name} {version}" for name, version in found_as.items() if version is not None]
    if len(there) > 1:
        advice = f"they overwrite each other's files: pip uninstall {client.packages[0]}"
        return Finding(client.topic, State.BROKEN, f"both {' and '.join(there)}", advice)
    version = there[0] if there else "from its sources"
    if probe.code == 0:
        found = f"{version}, {probe.out.strip().splitlines()[-1]}"
        return Finding(client.topic, State.OK, found)
    if TOO_NEW in probe.err:
        found = f"{version} fails with protobuf {installed('protobuf')}: {TOO_NEW}"
        advice = f"pip install 'protobuf==3.20.3'; or, slower, export {PURE}=python"
        return Finding(client.topic, State.BROKEN, found, advice)
    top = client.module.partition(".")[0]
    gone = f"No module named '{top}'"
    if gone in probe.last_line:
        return Finding(client.topic, State.MISSING, f"no module {top}", client.install)
    if client.topic == "smac" and f"No module named '{client.module}'" in probe.last_line:
        found = "another package of this name (the AutoML one of PyPI)"
        return Finding(client.topic, State.BROKEN, found, f"pip uninstall smac; {client.install}")
    lacks = re.search(r"No module named '([^']+)'", probe.last_line)
    advice = f"it lacks {lacks[1]}: install that first" if lacks else client.install
    return Finding(client.topic, State.BROKEN, probe.last_line, advice)


def check_port(environ: Mapping[str, str] | None = None) -> Finding:
    """Check that a port on loopback can be opened: the clients need one for each game."""
    environ = os.environ if environ is None else environ
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as server:
            server.bind(("127.0.0.1", 0))
            server.listen(1)
            port = server.getsockname()[1]
            with socket.create_connection(("127.0.0.1", port), timeout=5.0):
                found = f"127.0.0.1:{port} can be opened and reached"
    except OSError as error:
        advice = "loopback must be up (ip link set lo up), and a firewall must let it be"
        return Finding("port", State.BROKEN, f"127.0.0.1: {error.strerror or error}", advice)
    server_name = environ.get("PORTSERVER_ADDRESS")
    if server_name:
        found += f"; the clients ask PORTSERVER_ADDRESS={server_name} for theirs"
    return Finding("port", State.OK, found)
