"""Typed configuration: frozen dataclasses parsed strictly from one merged mapping."""

from __future__ import annotations

from dataclasses import field
from typing import Any


def option(
    default: Any,
    *,
    low: float | None = None,
    high: float | None = None,
    above: float | None = None,
) -> Any:
    """A dataclass field with bounds: low <= value <= high, value > above. `parse` checks them."""
    return field(default=default, metadata={"low": low, "high": high, "above": above})
