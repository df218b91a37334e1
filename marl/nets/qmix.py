"""QMIX's mixing network over rows: on a CPU by a compiled pass of our own."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from marl.compiled.products import panels_of, room_for, sums_for, with_bias
from marl.nets.native import gradients_wanted
from marl.nets.qmix_kernel import (
    BLOCK,
    BackRoom,
    BackWeights,
    Gradients,
    Kept,
    Room,
    Weights,
    run,
    run_back,
)


def mixed(values: Tensor, states: Tensor, *parameters: Tensor) -> Tensor:
    """The joint values of rows: values [N,A], states [N,S] -> [N,1]; no gradient of the states.

    parameters: weight and bias of the first layers in one [F,S], then of each hypernet's second:
    weights_1 [A M,K], weights_2 [M,K], value [1,M].
    """
    keeps = gradients_wanted(values, *parameters)
    joint: Tensor = _Mixed.apply(values, states, keeps, *parameters)
    return joint


class _Mixed(torch.autograd.Function):
    """See qmix_kernel. keeps: what the gradients need."""

    @staticmethod
    def forward(
        ctx: Any, values: Tensor, states: Tensor, keeps: bool, *parameters: Tensor
    ) -> Tensor:
        arrays = [parameter.detach().numpy() for parameter in parameters]
        first, first_bias, one, one_bias, two, two_bias, value, value_bias = arrays
        weights = Weights(
            *with_bias(first, first_bias),
            *with_bias(one, one_bias),
            *with_bias(two, two_bias),
            np.concatenate([value, value_bias[None]], axis=1),
        )
        rows, (size, width) = len(values), two.shape
        room = Room(
            *(room_for(BLOCK, panels) for panels in (weights.first, weights.one, weights.two))
        )
        shapes = (width, width, size, len(one), size, size)
        tensors = [torch.empty(rows if keeps else BLOCK, columns) for columns in shapes]
        values, states = values.detach().contiguous(), states.detach().contiguous()
        joint = torch.empty(rows, 1)
        kept = Kept(*(tensor.numpy() for tensor in tensors))
        run(values.numpy(), states.numpy(), weights, room, kept, joint.numpy())
        if keeps:
            ctx.save_for_backward(values, states, *tensors, *parameters)
        return joint

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        values, states, *others = ctx.saved_tensors
        kept = Kept(*(tensor.numpy() for tensor in others[: len(Kept._fields)]))
        parameters = others[len(Kept._fields) :]
        first, _, one, _, two, _, value, _ = (one.detach().numpy() for one in parameters)
        size = len(two)
        back = panels_of(two)
        weights = BackWeights(panels_of(one), back, room_for(1, back), value)
        room = BackRoom(
            np.empty((BLOCK, len(one)), dtype=np.float32),
            np.empty((BLOCK, size), dtype=np.float32),
            room_for(BLOCK, back),
            np.empty((BLOCK, len(first)), dtype=np.float32),
        )
        sums = Gradients(
            np.zeros(first.T.shape, dtype=np.float32),
            np.zeros((1, len(first)), dtype=np.float32),
            *sums_for(one),
            *sums_for(two),
            np.zeros((1, size + 1), dtype=np.float32),
        )
        grad_values = torch.empty_like(values)
        run_back(
            grad.contiguous().numpy(),
            values.numpy(),
            states.numpy(),
            weights,
            room,
            kept,
            sums,
            grad_values.numpy(),
        )
        found = (
            np.ascontiguousarray(sums.first.T),
            sums.first_bias[0],
            sums.one,
            sums.one_bias[0],
            sums.two,
            sums.two_bias[0],
            sums.value[:, :size],
            sums.value[0, size:],
        )
        return (grad_values, None, None, *map(torch.from_numpy, found))
