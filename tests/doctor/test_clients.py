"""The clients' imports, and the port."""

from __future__ import annotations

import pytest

from marl.doctor import clients
from marl.doctor.clients import CLIENTS, Client, check_client
from marl.doctor.finding import State
from marl.doctor.probe import Probe

BY_TOPIC = {client.topic: client for client in CLIENTS}


def failed(last_line: str) -> Probe:
    return Probe(1, "", f"Traceback (most recent call last):\n{last_line}\n")


def test_an_importable_client_is_ok_with_its_place():
    finding = check_client(Client("json", "json", ("json",), "pip"))
    assert finding.state is State.OK
    assert finding.found.endswith("json/__init__.py")


def test_an_absent_client_is_missing_with_how_to_get_it():
    finding = check_client(Client("nobody", "nobody_has_this.env", ("nobody-has-this",), "pip x"))
    assert (finding.state, finding.advice) == (State.MISSING, "pip x")


def test_a_checkout_named_by_its_variable_is_looked_into_first(tmp_path, monkeypatch):
    (tmp_path / "smac" / "env").mkdir(parents=True)
    (tmp_path / "smac" / "env" / "__init__.py").touch()
    monkeypatch.setenv("SMAC_SOURCE", str(tmp_path))
    finding = check_client(BY_TOPIC["smac"])
    assert finding.state is State.OK
    assert str(tmp_path) in finding.found


def test_a_protobuf_too_new_for_pysc2_is_named_with_the_remedy():
    error = "TypeError: Descriptors cannot be created directly.\nIf this call came from a _pb2.py"
    finding = check_client(BY_TOPIC["pysc2"], failed(error))
    assert finding.state is State.BROKEN
    assert "protobuf==3.20.3" in finding.advice
    assert "PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION=python" in finding.advice


def test_the_other_package_named_smac_is_not_taken_for_it():
    finding = check_client(
        BY_TOPIC["smac"], failed("ModuleNotFoundError: No module named 'smac.env'")
    )
    assert finding.state is State.BROKEN
    assert finding.advice.startswith("pip uninstall smac; ")


def test_a_client_without_its_own_requirements_is_broken_with_the_reason():
    said = "ModuleNotFoundError: No module named 'pysc2'"
    finding = check_client(BY_TOPIC["smac"], failed(said))
    assert (finding.state, finding.found) == (State.BROKEN, said)


def test_two_packages_with_the_same_files_are_broken(monkeypatch):
    monkeypatch.setattr(clients, "installed", lambda name: "1.0")
    finding = check_client(BY_TOPIC["messages"], Probe(0, "x", ""))
    assert finding.state is State.BROKEN


def test_a_port_on_loopback_is_really_opened(monkeypatch):
    assert clients.check_port({}).state is State.OK
    assert "PORTSERVER_ADDRESS=@x" in clients.check_port({"PORTSERVER_ADDRESS": "@x"}).found

    def refuse(*arguments: object, **options: object) -> None:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(clients.socket, "create_connection", refuse)
    assert clients.check_port({}).state is State.BROKEN


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.topic)
def test_every_client_says_how_to_install_it(client):
    assert client.install.startswith("pip install ")
