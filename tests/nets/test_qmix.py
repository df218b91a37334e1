"""QMIX's compiled pass: the values and gradients of torch's operations."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from marl.compiled.lanes import LANES
from marl.nets import mixers
from marl.nets.mixers import Qmix
from marl.nets.qmix_kernel import BLOCK


def gradients(mixer: Qmix, values: Tensor, joint: Tensor) -> list[Tensor]:
    torch.manual_seed(1)
    loss = (joint * torch.randn(joint.shape)).sum()
    return list(torch.autograd.grad(loss, [values, *mixer.parameters()]))


def with_torch(
    monkeypatch: pytest.MonkeyPatch, mixer: Qmix, values: Tensor, state: Tensor
) -> Tensor:
    with monkeypatch.context() as patch:
        patch.setattr(mixers, "serves", lambda *_: False)
        return mixer(values, state)


@pytest.mark.parametrize("rows", [1, BLOCK, 2 * BLOCK + 5])
@pytest.mark.parametrize(
    ("agents", "state_dim", "embed_dim", "hypernet_dim"),
    [(3, 68, 2 * LANES, 64), (27, 200, LANES, LANES), (1, 1, LANES, 3 * LANES)],
)
def test_values_and_gradients_are_those_of_torch(
    monkeypatch, rows, agents, state_dim, embed_dim, hypernet_dim
):
    torch.manual_seed(0)
    mixer = Qmix(agents, state_dim, embed_dim, hypernet_dim)
    values = torch.randn(rows, agents, requires_grad=True)
    state = torch.randn(rows, state_dim)
    ours, theirs = mixer(values, state), with_torch(monkeypatch, mixer, values, state)
    assert ours.grad_fn.next_functions[0][0].name() == "_MixedBackward"
    assert torch.allclose(ours, theirs, rtol=1e-5, atol=1e-5)
    pairs = zip(gradients(mixer, values, ours), gradients(mixer, values, theirs), strict=True)
    for one, other in pairs:
        assert torch.allclose(one, other, rtol=1e-5, atol=1e-5 * float(other.abs().max()))


def test_any_leading_shape_and_no_gradients():
    torch.manual_seed(0)
    mixer, values, state = Qmix(2, 7, LANES, LANES), torch.randn(3, 5, 2), torch.randn(3, 5, 7)
    with torch.no_grad():
        blind = mixer(values, state)
    assert blind.shape == (3, 5, 1)
    assert torch.equal(blind, mixer(values, state))
    assert torch.allclose(blind[1, 2], mixer(values[1, 2], state[1, 2]), atol=1e-6)


def test_gradients_of_the_state_are_torchs():
    mixer, values = Qmix(2, 7, LANES, LANES), torch.randn(4, 2)
    state = torch.randn(4, 7, requires_grad=True)
    mixer(values, state).sum().backward()
    assert state.grad is not None
    assert state.grad.abs().sum() > 0


def test_not_a_number_spoils_its_row_alone():
    mixer, values, state = Qmix(2, 7, LANES, LANES), torch.randn(3, 2), torch.randn(3, 7)
    values[1, 0] = torch.nan
    assert mixer(values, state)[:, 0].isnan().tolist() == [False, True, False]
