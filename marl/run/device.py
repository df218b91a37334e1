"""The device that a run's networks are on."""

from __future__ import annotations

import torch

from marl.errors import ConfigError


def pick_device(name: str) -> torch.device:
    """`auto` is CUDA where there is one."""
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise ConfigError("device: cuda is not available here; use device=auto or device=cpu")
    if name == "auto":
        name = "cuda" if available else "cpu"
    return torch.device(name)
