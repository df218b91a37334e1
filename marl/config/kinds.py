"""Kinds: the classes that one section of the configuration may be, told apart by `kind`.

A field of a config dataclass is annotated with them, `mixer: Annotated[MixerConfig, MIXERS]`, and
further ones may be added from outside the package: `MIXERS.add(MyMixerConfig)`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import is_dataclass
from typing import Generic, TypeVar

from marl.errors import ConfigError

Config = TypeVar("Config")


class Kinds(Generic[Config]):
    """The dataclasses of one section by their `kind`."""

    def __init__(self, section: str, base: type[Config], members: Iterable[type[Config]]) -> None:
        """section: its name, for errors; base: the class of them all; members: the first ones."""
        self.section = section
        self.base = base
        self.members: list[type[Config]] = []
        for member in members:
            self.add(member)

    def add(self, member: type[Config]) -> type[Config]:
        """Add a kind; ConfigError where it is no subclass of the base or its name is taken.

        Adding the same class again changes nothing. Serves as a decorator.
        """
        kind = getattr(member, "kind", None)
        if not (is_dataclass(member) and issubclass(member, self.base) and isinstance(kind, str)):
            raise ConfigError(
                f"{self.section}: {member.__name__} must be a frozen dataclass on "
                f"{self.base.__name__} with `kind: ClassVar[str] = ...`"
            )
        for other in self.members:
            if getattr(other, "kind", None) == kind and other is not member:
                raise ConfigError(
                    f"{self.section}.kind: {kind!r} is taken by {other.__module__}; give that of "
                    f"{member.__module__} another name"
                )
        if member not in self.members:
            self.members.append(member)
        return member
