"""Kinds: a section's classes by name, and those that come from outside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pytest

from marl.config.kinds import Kinds
from marl.config.schema import parse, to_mapping
from marl.errors import ConfigError


@dataclass(frozen=True)
class Mixer:
    kind: ClassVar[str]


SECTION = Kinds("mixer", Mixer)


@SECTION.add
@dataclass(frozen=True)
class Sum(Mixer):
    kind: ClassVar[str] = "sum"


@SECTION.add
@dataclass(frozen=True)
class Weighted(Mixer):
    kind: ClassVar[str] = "weighted"
    width: int = 32


@dataclass(frozen=True)
class Recipe:
    mixer: Mixer = Weighted()


@pytest.fixture(autouse=True)
def as_before():
    """What a test adds is gone after it."""
    members = list(SECTION.members)
    yield
    SECTION.members[:] = members


@pytest.mark.parametrize(
    ("mapping", "expected"),
    [
        ({}, Recipe()),
        ({"mixer": {"kind": "sum"}}, Recipe(Sum())),
        ({"mixer": {"width": 8}}, Recipe(Weighted(8))),
        ({"mixer": {"kind": "weighted", "width": 8}}, Recipe(Weighted(8))),
    ],
)
def test_kind_chooses_the_class(mapping, expected):
    assert parse(Recipe, mapping) == expected
    assert parse(Recipe, to_mapping(expected)) == expected


def test_a_kind_from_outside_is_one_like_the_others():
    @SECTION.add
    @dataclass(frozen=True)
    class Attention(Mixer):
        kind: ClassVar[str] = "attention"
        heads: int = 4

    assert parse(Recipe, {"mixer": {"kind": "attention", "heads": 2}}) == Recipe(Attention(2))
    assert to_mapping(Recipe(Attention())) == {"mixer": {"kind": "attention", "heads": 4}}
    with pytest.raises(ConfigError, match=r"mixer\.heads: belongs to mixer\.kind=attention"):
        parse(Recipe, {"mixer": {"heads": 2}})


def test_an_unknown_kind_gets_the_nearest_one():
    with pytest.raises(ConfigError, match=r"mixer\.kind: 'weigthed' is not one of .*'weighted'\?"):
        parse(Recipe, {"mixer": {"kind": "weigthed"}})


def test_adding_a_kind_again_changes_nothing():
    assert SECTION.add(Sum) is Sum
    assert SECTION.members == [Sum, Weighted]


def test_a_class_that_is_defined_again_takes_the_old_ones_place():
    def cell(width: int) -> type[Mixer]:
        @SECTION.add
        @dataclass(frozen=True)
        class Notebook(Mixer):
            kind: ClassVar[str] = "notebook"
            size: int = width

        return Notebook

    first, second = cell(1), cell(2)
    assert first is not second
    assert SECTION.members == [Sum, Weighted, second]
    assert parse(Recipe, {"mixer": {"kind": "notebook"}}) == Recipe(second(2))


def test_a_name_that_is_taken_is_refused_with_both_modules():
    @dataclass(frozen=True)
    class Another(Mixer):
        kind: ClassVar[str] = "sum"

    with pytest.raises(ConfigError, match=r"mixer\.kind: 'sum' is taken by .*another name"):
        SECTION.add(Another)
    assert SECTION.members == [Sum, Weighted]


def test_what_is_no_dataclass_on_the_base_with_a_name_is_refused():
    class Plain:
        kind = "plain"

    @dataclass(frozen=True)
    class Elsewhere:
        kind: ClassVar[str] = "elsewhere"

    @dataclass(frozen=True)
    class Nameless(Mixer):
        width: int = 3

    for member in (Plain, Elsewhere, Nameless):
        with pytest.raises(ConfigError, match=f"mixer: {member.__name__} must be a frozen datacl"):
            SECTION.add(member)
    assert SECTION.members == [Sum, Weighted]


def test_what_python_would_ignore_is_refused():
    """A default without its type, and a class without @dataclass of its own."""

    @dataclass(frozen=True)
    class Untyped(Weighted):
        kind: ClassVar[str] = "untyped"
        width = 64

    class Undecorated(Weighted):
        kind: ClassVar[str] = "undecorated"

    with pytest.raises(ConfigError, match=r"Untyped\.width: needs its type"):
        SECTION.add(Untyped)
    with pytest.raises(ConfigError, match=r"Undecorated: needs @dataclass"):
        SECTION.add(Undecorated)
