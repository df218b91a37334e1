"""Single values of a configuration, converted: numbers, strings, booleans, choices."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any

from marl.config.hints import unknown_value
from marl.errors import FieldError

MOST = 2**62  # of a whole number
BOOLEANS = {"true": True, "false": False}  # YAML's spelling, typed on the command line


def check_bounds(value: float, bounds: Mapping[str, float | None], path: str) -> None:
    """Refuse a number outside an `option`'s low, high and above."""
    low, high, above = (bounds.get(name) for name in ("low", "high", "above"))
    if low is not None and value < low:
        raise FieldError(path, f"{value} is too small; it must be at least {low:g}")
    if high is not None and value > high:
        raise FieldError(path, f"{value} is too large; it must be at most {high:g}")
    if above is not None and value <= above:
        raise FieldError(path, f"{value} is too small; it must be more than {above:g}")


def literal(choices: tuple[Any, ...], value: object, path: str) -> object:
    """The one of `choices` that equals `value`."""
    if value is None and "none" in choices:
        return "none"  # `coverage=None` means `coverage=none`
    for choice in choices:
        if value == choice and type(value) is type(choice):
            return choice
    raise FieldError(path, unknown_value(value, list(choices)))


def scalar(kind: Any, value: object, path: str) -> object:
    """`value` as a bool, str, int or float."""
    if kind is bool:
        if isinstance(value, str) and value.lower() in BOOLEANS:
            return BOOLEANS[value.lower()]
        if isinstance(value, bool):
            return value
        raise FieldError(path, f"expects True or False, got {described(value)}")
    if kind is str:
        if isinstance(value, str):
            return value
        quoted = f"""{path}='"{value}"'"""
        raise FieldError(path, f"expects a string, got {described(value)}; in a shell: {quoted}")
    if kind in (int, float):
        return _number(kind, value, path)
    raise TypeError(f"{path}: fields of type {kind} cannot be read from a configuration")


def _number(kind: type, value: object, path: str) -> object:
    """A number; the string "5e-4" is one (PyYAML does not parse it), True and False are not."""
    number = value
    if isinstance(value, str):
        try:
            number = float(value)
        except ValueError:
            raise FieldError(path, f"expects a number, got {described(value)}") from None
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise FieldError(path, f"expects a number, got {described(value)}")
    if isinstance(number, int) and abs(number) > MOST:
        raise FieldError(path, f"is beyond the whole numbers of 64 bits: {described(value)[:60]}")
    if not math.isfinite(number):
        raise FieldError(path, f"expects a finite number, got {described(value)}")
    if kind is float:
        return float(number)
    if number != int(number) or abs(number) > MOST:
        raise FieldError(path, f"expects a whole number, got {described(value)}")
    return int(number)


def checked_path(text: str, path: str) -> str:
    """A path with the home folder for a leading ~, which a shell leaves alone in quotes.

    FieldError where it is empty: that would be the working directory.
    """
    if not text.strip():
        raise FieldError(path, "is empty; name a folder, or . for the working directory")
    return os.path.expanduser(text)


def described(value: object) -> str:
    """The value and its type, for an error message."""
    names: Mapping[type, str] = {str: "a string", bool: "a boolean", dict: "a section"}
    return f"{value!r} ({names.get(type(value), type(value).__name__)})"


def own_values(cls: type, default: object) -> dict[str, object]:
    """Field -> value of a section's own default, where it differs from what `cls` does by itself.

    The rest is left to the class, which may derive one field's default from others. {} where the
    default is of another class.
    """
    if type(default) is not cls:
        return {}
    known = [item for item in fields(cls) if item.init]  # type: ignore[arg-type]
    values = {item.name: getattr(default, item.name) for item in known}
    if any(item.default is MISSING and item.default_factory is MISSING for item in known):
        return values
    plain = cls()
    return {name: value for name, value in values.items() if value != getattr(plain, name)}
