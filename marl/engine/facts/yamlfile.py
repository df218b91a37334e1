"""The YAML files of maps/, checked: a refusal names the file, the field and the reason."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import yaml

from marl.errors import EnvError, nearest_or_all

MOST = 10**6  # no count, number of loops or id in a fact file is larger


@dataclass(frozen=True)
class YamlFile:
    """A parsed YAML file and the checks of its fields. field: a dotted path, for the refusal."""

    path: Path
    content: Mapping[str, object]

    @classmethod
    def read(cls, path: Path) -> YamlFile:
        """The parsed file, a mapping."""
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise EnvError(f"{path}: cannot be read ({error.strerror})") from None
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise EnvError(f"{path}: is not YAML ({' '.join(str(error).split())})") from None
        return cls(path, cls(path, {}).mapping(content, ""))

    def refuse(self, field: str, reason: str) -> NoReturn:
        """Raise an EnvError of one line: file, field, reason."""
        where = f"{self.path}: {field}: " if field else f"{self.path}: "
        raise EnvError(where + reason)

    def keys(self, entry: Mapping[str, object], field: str, allowed: Iterable[str]) -> None:
        """Refuse a key that is not `allowed`, and the lack of one that is."""
        names = list(allowed)
        prefix = f"{field}." if field else ""
        for key in entry:
            if key not in names:
                hint = nearest_or_all(key, names, "known")
                self.refuse(f"{prefix}{key}", f"unknown key; {hint}")
        for name in names:
            if name not in entry:
                self.refuse(f"{prefix}{name}", "is missing")

    def mapping(self, value: object, field: str) -> dict[str, object]:
        """A mapping with strings as keys."""
        if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
            self.refuse(field, f"must be a mapping with names as keys, not {value!r}")
        return value

    def items(self, value: object, field: str) -> list[object]:
        """A list."""
        if not isinstance(value, list):
            self.refuse(field, f"must be a list, not {value!r}")
        return value

    def string(self, value: object, field: str) -> str:
        """A string that is not empty."""
        if not isinstance(value, str) or not value:
            self.refuse(field, f"must be a string, not {value!r}")
        return value

    def choice(self, value: object, field: str, allowed: Sequence[str]) -> str:
        """One of `allowed`."""
        if value not in allowed:
            self.refuse(field, f"{value!r} is not one of {list(allowed)}")
        return str(value)

    def flag(self, value: object, field: str) -> bool:
        """True or false."""
        if not isinstance(value, bool):
            self.refuse(field, f"must be true or false, not {value!r}")
        return value

    def whole(self, value: object, field: str, low: int) -> int:
        """A whole number, from `low` to MOST."""
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= MOST:
            self.refuse(field, f"must be a whole number from {low} to {MOST}, not {value!r}")
        return value

    def point(self, value: object, field: str) -> tuple[float, float]:
        """Two numbers."""
        numbers = [v for v in self.items(value, field) if type(v) in (int, float)]
        if len(numbers) != 2 or len(self.items(value, field)) != 2:
            self.refuse(field, f"must be a point [x, y], not {value!r}")
        return float(numbers[0]), float(numbers[1])  # type: ignore[arg-type]
