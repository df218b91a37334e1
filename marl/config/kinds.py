"""Kinds: the classes that one section of the configuration may be, told apart by `kind`.

A field annotated with the base class takes any of them: `mixer: MixerConfig`. Further ones may be
added from outside the package:

    @MIXERS.add
    @dataclass(frozen=True)
    class MyMixerConfig(MixerConfig):
        kind: ClassVar[str] = "mine"
"""

from __future__ import annotations

from dataclasses import is_dataclass
from typing import Any, Generic, TypeVar

from marl.errors import ConfigError

Config = TypeVar("Config")
Member = TypeVar("Member")

_BY_BASE: dict[type, Kinds[Any]] = {}


class Kinds(Generic[Config]):
    """The dataclasses of one section, in the order in which they were added."""

    def __init__(self, section: str, base: type[Config]) -> None:
        """section: its name, for errors; base: the class of them all, itself none of them."""
        self.section = section
        self.base = base
        self.members: list[type[Config]] = []
        _BY_BASE[base] = self

    def add(self, member: type[Member]) -> type[Member]:
        """Add a kind; serves as a decorator. Adding the same class again changes nothing.

        One that is defined again (a notebook's cell that is run twice) takes the old one's place.
        ConfigError where it is no frozen dataclass on the base or its name is taken.
        """
        kind, added = getattr(member, "kind", None), member
        if not (is_dataclass(member) and issubclass(member, self.base) and isinstance(kind, str)):
            raise ConfigError(
                f"{self.section}: {member.__name__} must be a frozen dataclass on "
                f"{self.base.__name__} with `kind: ClassVar[str] = ...`"
            )
        refuse_ignored(member)
        others = [other for other in self.members if not is_again(member, other)]
        for other in others:
            if getattr(other, "kind", None) == kind:
                raise ConfigError(
                    f"{self.section}.kind: {kind!r} is taken by {other.__module__}; give that of "
                    f"{member.__module__} another name"
                )
        if len(others) == len(self.members):
            self.members.append(member)
        else:
            self.members[:] = [
                member if is_again(member, other) else other for other in self.members
            ]
        return added


def kinds_of(base: object) -> Kinds[Any] | None:
    """The kinds of a base class; None for any other type."""
    return _BY_BASE.get(base) if isinstance(base, type) else None


def is_again(new: type, old: type) -> bool:
    """Whether `new` is `old`, or the same class of the same module, defined once more."""
    return (new.__module__, new.__qualname__) == (old.__module__, old.__qualname__)


def refuse_ignored(config: type) -> None:
    """ConfigError where Python would silently ignore what a config class says.

    A class without `@dataclass` of its own keeps its base's fields, and a default without an
    annotation is no field: either would run as if the line were not there.
    """
    if "__dataclass_fields__" not in vars(config):
        raise ConfigError(f"{config.__name__}: needs @dataclass(frozen=True) of its own")
    for name in vars(config):
        is_field = name in getattr(config, "__dataclass_fields__", {})
        if is_field and name not in vars(config).get("__annotations__", {}):
            raise ConfigError(
                f"{config.__name__}.{name}: needs its type, or Python ignores it: {name}: ... = ..."
            )
