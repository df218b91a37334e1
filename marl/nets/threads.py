"""Threads that share the rows of one update.

torch's own threads share each operation, and those of an update are too small for that. Here each
thread takes some rows all the way, forward and back; only their gradients meet.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor

from marl.batch import EpisodeBatch

Item = TypeVar("Item")
Result = TypeVar("Result")
# What is asked of some rows: tensors [B,...], of which the first alone has gradients.
Estimate = Callable[[EpisodeBatch], tuple[Tensor, Tensor]]


class Threads:
    """The calling thread and its helpers."""

    def __init__(self, count: int) -> None:
        """count: of threads, the calling one included."""
        self.count = count
        self._helpers = ThreadPoolExecutor(count - 1) if count > 1 else None

    def map(self, function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
        """function of each item, at most one for each thread; the first here."""
        if self._helpers is None or len(items) < 2:
            return [function(item) for item in items]
        others = [self._helpers.submit(function, item) for item in items[1:]]
        return [function(items[0]), *(other.result() for other in others)]


_threads = Threads(1)


def set_learner_threads(count: int) -> None:
    """Let `count` threads share each update of this process; they sleep between updates."""
    global _threads
    if count != _threads.count:
        _threads = Threads(count)


def shared(
    estimate: Estimate, batch: EpisodeBatch, parameters: Sequence[Tensor]
) -> tuple[Tensor, Tensor]:
    """estimate(batch), each thread on rows of its own.

    A row's results must not depend on the other rows. parameters: all that gradients are for. On a
    GPU, and with one thread, estimate is called as it is.
    """
    on_cpu = batch.filled.device.type == "cpu"
    if _threads.count == 1 or not on_cpu or batch.size < 2 or not torch.is_grad_enabled():
        return estimate(batch)
    rows = deal(batch.lengths, _threads.count)
    parts = [batch.take(some).trim() for some in rows]
    work = _Work(estimate, parts, rows, batch.steps)
    first, second = _Shared.apply(work, *parameters)
    return first, second


def deal(lengths: Tensor, hands: int) -> list[Tensor]:
    """Row numbers for each of at most `hands` threads, with about the same sum of lengths.

    lengths: [B]. Dealt from the longest on, to and fro.
    """
    order = lengths.argsort(descending=True, stable=True)
    place = torch.arange(len(order)) % (2 * hands)
    hand = torch.minimum(place, 2 * hands - 1 - place)
    dealt = [order[hand == number].sort().values for number in range(hands)]
    return [some for some in dealt if len(some)]


@dataclass(frozen=True)
class _Work:
    """An estimate of a batch, cut up."""

    estimate: Estimate
    parts: list[EpisodeBatch]
    rows: list[Tensor]  # of the batch, that each part holds
    steps: int  # of the batch

    def join(self, pieces: Sequence[Tensor]) -> Tensor:
        """The parts' results as one of the whole batch; zero in the padding."""
        size = sum(map(len, self.rows))
        whole = pieces[0].new_zeros(size, self.steps, *pieces[0].shape[2:])
        for some, piece in zip(self.rows, pieces, strict=True):
            whole[some, : piece.shape[1]] = piece
        return whole


class _Shared(torch.autograd.Function):
    """The parts' estimates, and in the backward pass the sum of their gradients."""

    @staticmethod
    def forward(ctx: Any, work: _Work, *parameters: Tensor) -> tuple[Tensor, Tensor]:
        def run(part: EpisodeBatch) -> tuple[Tensor, Tensor]:
            with torch.enable_grad():
                return work.estimate(part)

        results = _threads.map(run, work.parts)
        firsts, seconds = zip(*results, strict=True)
        ctx.work, ctx.parameters, ctx.firsts = work, parameters, firsts
        second = work.join(seconds)
        ctx.mark_non_differentiable(second)
        return work.join([first.detach() for first in firsts]), second

    @staticmethod
    def backward(ctx: Any, grad: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
        work, parameters = ctx.work, ctx.parameters

        def run(part: int) -> tuple[Tensor | None, ...]:
            first = ctx.firsts[part]
            own = grad[work.rows[part], : first.shape[1]]
            return torch.autograd.grad(first, parameters, own, allow_unused=True)

        sums: list[Tensor | None] = [None] * len(parameters)
        for found in _threads.map(run, range(len(work.parts))):
            for at, one in enumerate(found):
                before = sums[at]
                sums[at] = one if before is None or one is None else before + one
        return None, *sums
