"""Python and the packages, compared with setup.cfg and constraints.txt."""

from __future__ import annotations

from pathlib import Path

import pytest

from marl.doctor import packages
from marl.doctor.finding import State
from marl.doctor.probe import ROOT


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project that needs alpha and beta[fast]; what is installed is what `versions` says."""
    (tmp_path / "setup.cfg").write_text(
        "[options]\ninstall_requires =\n    Alpha_One\n    beta[fast]<3\n"
        "[options.extras_require]\ntest =\n    gamma\ndev =\n    %(test)s\n    delta\n"
    )
    (tmp_path / "constraints.txt").write_text("# pins\nalpha-one==1.0\nbeta==2.1\ngamma==4\n")
    versions = {"Alpha_One": "1.0", "beta": "2.1+cpu", "gamma": "4", "delta": "7"}
    monkeypatch.setattr(packages, "installed", versions.get)
    monkeypatch.setattr(packages, "versions", versions, raising=False)
    return tmp_path


def states(findings: list) -> dict[str, State]:
    return {finding.topic: finding.state for finding in findings}


def test_packages_at_their_pins_are_ok_whatever_their_build_and_spelling(project):
    found = packages.check_packages(project)
    assert states(found) == dict.fromkeys(("packages", "extra [test]", "extra [dev]"), State.OK)


def test_another_version_differs_and_names_both(project):
    packages.versions["beta"] = "2.0"
    (finding, *_) = packages.check_packages(project)
    assert finding.state is State.DIFFERS
    assert "beta 2.0 (pinned: 2.1)" in finding.found
    assert not finding.stops_the_engine


def test_a_missing_needed_package_stops_the_engine_and_says_how_to_get_it(project):
    del packages.versions["Alpha_One"]
    (finding, *_) = packages.check_packages(project)
    assert (finding.state, finding.found) == (State.MISSING, "Alpha_One")
    assert finding.stops_the_engine
    assert finding.advice == "pip install -c constraints.txt -e ."


def test_a_missing_extra_stops_nothing(project):
    del packages.versions["gamma"]
    found = packages.check_packages(project)
    assert states(found)["extra [test]"] is State.MISSING
    assert not any(finding.stops_the_engine for finding in found)


def test_missing_lists_of_packages_are_a_finding(tmp_path):
    (finding,) = packages.check_packages(tmp_path)
    assert (finding.state, finding.needed) == (State.MISSING, False)


def test_this_project_is_read_as_it_is():
    needed, extras = packages.read_requirements(ROOT / "setup.cfg")
    assert {"torch", "numba", "sacred", "setuptools", "gymnasium"} <= set(needed)
    assert "ruff" in extras["dev"]
    assert packages.read_pins(ROOT / "constraints.txt")["numba"] == packages.installed("numba")


def test_an_old_python_is_broken():
    assert packages.check_python((3, 10, 14)).stops_the_engine
    assert packages.check_python((3, 11, 0)).state is State.OK
