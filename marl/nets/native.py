"""Where a network's own compiled pass serves, beside torch's operations."""

from __future__ import annotations

import torch
from torch import Tensor

from marl.compiled.jit import WITHOUT_COMPILER
from marl.compiled.lanes import LANES


def serves(tensor: Tensor, *widths: int) -> bool:
    """Whether compiled passes can take it: float32 on a CPU, the layers' widths whole registers."""
    plain = tensor.device.type == "cpu" and tensor.dtype == torch.float32
    return plain and not WITHOUT_COMPILER and all(width % LANES == 0 for width in widths)


def gradients_wanted(*tensors: Tensor) -> bool:
    """Whether anybody will ask for gradients of one of them."""
    return torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)
