"""A recurrent agent over packed rows: on a CPU by kernels of our own, else by torch's."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from marl.compiled.products import panels_of, room_for, sums_for, with_bias
from marl.nets.native import gradients_wanted, serves
from marl.nets.rnn_kernel import (
    KEPT,
    BackRoom,
    BackWeights,
    Gradients,
    Room,
    Weights,
    largest_block,
    run,
    run_back,
)


def unrolled(
    encoder: nn.Linear, memory: nn.GRU, head: nn.Linear, inputs: Tensor, sizes: Tensor
) -> Tensor:
    """head(memory(relu(encoder(inputs)))) at each row, [P,U], from zeros before the first slot.

    inputs [P,I], by time as in marl/nets/packed.py; sizes [T] int64, rows at each slot, on the CPU.
    """
    if not serves(inputs, memory.hidden_size):
        encoded = torch.relu(encoder(inputs))
        packed: PackedSequence = memory(PackedSequence(encoded, sizes))[0]
        outputs: Tensor = head(packed.data)
        return outputs
    parameters = [*encoder.parameters(), *memory.parameters(), *head.parameters()]
    keeps = gradients_wanted(inputs, *parameters)
    unrolled_rows: Tensor = _Unrolled.apply(inputs, sizes, keeps, *parameters)
    return unrolled_rows


class _Unrolled(torch.autograd.Function):
    """See rnn_kernel. keeps: what the gradients need. Parameters as `unrolled` lists them."""

    @staticmethod
    def forward(
        ctx: Any, inputs: Tensor, sizes: Tensor, keeps: bool, *parameters: Tensor
    ) -> Tensor:
        arrays = [parameter.detach().numpy() for parameter in parameters]
        encoder, encoder_bias, gates, hidden, gates_bias, hidden_bias, head, head_bias = arrays
        rows, size, most = len(inputs), hidden.shape[1], largest_block(sizes.numpy())
        weights = Weights(
            *with_bias(encoder, encoder_bias),
            *with_bias(gates, gates_bias),
            *with_bias(hidden, hidden_bias),
            *with_bias(head, head_bias),
        )
        room = Room(
            room_for(most, weights.encoder),
            room_for(most, weights.gates),
            np.tile(weights.hidden_bias, (int(sizes[0]), 1)),
            room_for(most, weights.head),
        )
        encoded = torch.empty(rows if keeps else most, size)
        kept = torch.empty(rows if keeps else int(sizes[0]), KEPT * size)
        states = torch.empty(rows + 1, size)
        states[rows] = 0.0
        outputs = torch.empty(rows, len(head))
        inputs = inputs.detach().contiguous()
        run(
            inputs.numpy(),
            sizes.numpy(),
            weights,
            room,
            encoded.numpy(),
            kept.numpy(),
            states.numpy(),
            outputs.numpy(),
        )
        if keeps:
            ctx.save_for_backward(inputs, sizes, encoded, kept, states, *parameters)
        return outputs

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        inputs, sizes, encoded, kept, states, *parameters = ctx.saved_tensors
        arrays = [parameter.detach().numpy() for parameter in parameters]
        encoder, _, gates, hidden, _, _, head, _ = arrays
        most, size = largest_block(sizes.numpy()), hidden.shape[1]
        into, back = panels_of(encoder), panels_of(hidden)
        weights = BackWeights(
            panels_of(head), back, panels_of(gates), into, room_for(1, back), room_for(1, into)
        )
        at_once = int(sizes[0])
        room = BackRoom(
            room_for(most, weights.head),
            np.empty((most, 3 * size), dtype=np.float32),
            np.empty((most, 3 * size), dtype=np.float32),
            np.empty((most, size), dtype=np.float32),
            np.zeros((at_once, size), dtype=np.float32),
            room_for(at_once, back),
            room_for(most, weights.gates),
            room_for(most, into),
        )
        sums = Gradients(
            np.zeros(encoder.T.shape, dtype=np.float32),
            np.zeros((1, size), dtype=np.float32),
            *sums_for(gates),
            *sums_for(hidden),
            *sums_for(head),
        )
        asked = ctx.needs_input_grad[0]
        grad_inputs = torch.empty(len(inputs) if asked else 0, inputs.shape[1])
        run_back(
            grad.contiguous().numpy(),
            inputs.numpy(),
            sizes.numpy(),
            weights,
            room,
            encoded.numpy(),
            kept.numpy(),
            states.numpy(),
            sums,
            grad_inputs.numpy(),
        )
        found = (
            np.ascontiguousarray(sums.encoder.T),
            sums.encoder_bias[0],
            sums.gates,
            sums.hidden,
            sums.gates_bias[0],
            sums.hidden_bias[0],
            sums.head,
            sums.head_bias[0],
        )
        return (grad_inputs if asked else None, None, None, *map(torch.from_numpy, found))
