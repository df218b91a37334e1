"""What code values are held against: the bootstrap that they compete with, and returns.

Plain functions of one batch; nothing is kept. C_q: the mean return seen from a code.
"""

from __future__ import annotations

import torch
from torch import Tensor

from marl.batch import EpisodeBatch
from marl.protocols.loop import Metrics
from marl.returns import explained_variance


def mean_of_code(values: Tensor, codes: Tensor, filled: Tensor, n_codes: int) -> Tensor:
    """Of each step, the mean over all real steps of its code, [B,T,G].

    values [B,T,G]; codes [B,T]; filled [B,T,1] bool.
    """
    real = filled[..., 0]
    chosen, of_real = codes[real], values[real]  # [N], [N,G]
    count = torch.bincount(chosen, minlength=n_codes)  # [K]
    total = of_real.new_zeros(len(count), of_real.shape[1]).index_add_(0, chosen, of_real)
    return (total / count.clamp(min=1)[:, None])[codes]


def assessment(
    batch: EpisodeBatch,
    payable: Tensor,
    code_value: Tensor,
    expected: Tensor,
    value: Tensor,
    returns: Tensor,
) -> Metrics:
    """Whether what would be paid in these episodes points the right way.

    payable [B,T] bool: steps that are paid if C_q is the larger; code_value [B,T+1]: C_q of the
    states' codes, NaN where it is not known; expected, value [B,T], of slot t + 1: what C_q is
    compared with, and Q; returns [B,T+1].
    paid: share of the steps. Of the states that paid steps lead to: paid_code_value C_q, paid_value
    Q, paid_return what really came from there on. code_return_r2: share of the variance of the
    returns that C_q explains, where it is known.
    """
    paid = payable & (code_value[:, 1:] > expected)
    metrics = {"paid": paid.sum() / batch.filled.sum()}
    if paid.any():
        metrics["paid_code_value"] = code_value[:, 1:][paid].mean()
        metrics["paid_value"] = value[paid].mean()
        metrics["paid_return"] = returns[:, 1:][paid].mean()
    known = code_value.isfinite() & batch.slots_filled
    if known.any():
        metrics["code_return_r2"] = explained_variance(returns[known], code_value[known])
    return metrics
