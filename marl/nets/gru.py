"""A GRU over packed rows: on a CPU by kernels of our own, else by torch's."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, pad
from torch.nn.utils.rnn import PackedSequence

from marl.compiled.jit import WITHOUT_COMPILER
from marl.compiled.lanes import LANES
from marl.compiled.products import PANEL, panels_of
from marl.nets.gru_kernel import KEPT, run, run_back


def gru(memory: nn.GRU, inputs: Tensor, sizes: Tensor) -> Tensor:
    """Hidden numbers after each row, [P,H], from zeros before the first slot.

    inputs [P,I], by time as in marl/nets/packed.py; sizes [T] int64, rows at each slot, on the CPU.
    """
    size = memory.hidden_size
    on_cpu = inputs.device.type == "cpu" and inputs.dtype == torch.float32
    if not on_cpu or size % LANES or WITHOUT_COMPILER:
        packed: PackedSequence = memory(PackedSequence(inputs, sizes))[0]
        return packed.data
    weight_in, weight, bias_in, bias = memory.parameters()
    # Of the hidden numbers' bias only n's part stands inside a product with r.
    gates = linear(inputs, weight_in, bias_in + pad(bias[: 2 * size], (0, size)))
    keeps = torch.is_grad_enabled() and gates.requires_grad
    hidden: Tensor = _Recurrence.apply(gates, weight, bias[2 * size :], sizes, keeps)
    return hidden


class _Recurrence(torch.autograd.Function):
    """gates [P,3H], weight [3H,H], bias [H], sizes [T] -> hidden [P,H]; see gru_kernel.

    keeps: what the gradient needs.
    """

    @staticmethod
    def forward(
        ctx: Any, gates: Tensor, weight: Tensor, bias: Tensor, sizes: Tensor, keeps: bool
    ) -> Tensor:
        rows, size, most = len(gates), weight.shape[1], int(sizes[0])
        panels = panels_of(weight.detach().numpy().T)
        products = torch.zeros(most, len(panels) * PANEL)
        hidden = torch.empty(rows + 1, size)
        hidden[rows] = 0.0
        kept = torch.empty(rows if keeps else most, KEPT * size)
        run(
            gates.detach().numpy(),
            panels,
            bias.detach().numpy()[None],
            sizes.numpy(),
            products.numpy(),
            hidden.numpy(),
            kept.numpy(),
        )
        if keeps:
            ctx.save_for_backward(weight, sizes, hidden, kept)
        return hidden[:rows]

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        weight, sizes, hidden, kept = ctx.saved_tensors
        rows, size = grad.shape
        panels = panels_of(weight.numpy())
        gates, products = torch.empty(2, rows, 3 * size)
        old = torch.empty(rows, size)
        carry = torch.zeros(int(sizes[0]), len(panels) * PANEL)
        run_back(
            grad.contiguous().numpy(),
            panels,
            sizes.numpy(),
            hidden.numpy(),
            kept.numpy(),
            gates.numpy(),
            products.numpy(),
            old.numpy(),
            carry.numpy(),
        )
        return gates, products.T @ old, products[:, 2 * size :].sum(0), None, None
