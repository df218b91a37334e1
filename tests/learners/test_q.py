"""QLearner against a naive per-timestep reference, and its targets by hand."""

from __future__ import annotations

import copy
import time
from dataclasses import replace

import pytest
import torch
from builders import SMALL, STALKERS, random_batch
from naive_qmix import naive_qmix_loss
from torch import ones, zeros

from marl.algos.iql import IqlConfig
from marl.algos.qmix import QmixConfig
from marl.algos.vdn import VdnConfig
from marl.batch import masked_mean
from marl.controllers.exploration import greedy_actions
from marl.learners.targets import lambda_targets, td_targets
from marl.protocols.experience import BATCH
from marl.protocols.loop import Progress

CPU = torch.device("cpu")


def qmix_learner(spec=SMALL, seed=0):
    torch.manual_seed(seed)
    learner = QmixConfig().build(spec, CPU).learner
    for parameter in [
        *learner.target_controller.parameters(),
        *learner.target_mixer.parameters(),
    ]:
        parameter.add_(0.1 * torch.randn_like(parameter))  # targets differ from the online ones
    return learner


def test_truncated_episode_still_bootstraps():
    y = td_targets(ones(1, 1, 1), zeros(1, 1, 1), 2 * ones(1, 1, 1), gamma=0.5)
    assert y.item() == 2.0  # 1 + 0.5 * 2, not 1


def test_terminated_episode_does_not_bootstrap():
    y = td_targets(ones(1, 1, 1), ones(1, 1, 1), 2 * ones(1, 1, 1), gamma=0.5, bonus=0.25)
    assert y.item() == 1.25


def test_greedy_action_is_an_available_one():
    values = torch.tensor([[5.0, 1.0, 3.0]])
    assert greedy_actions(values, torch.tensor([[False, True, True]])).item() == 2


def test_masked_mean_counts_every_value_of_a_real_step():
    values = torch.tensor([[[1.0, 3.0], [100.0, 100.0]]])  # [B,T,G] = [1,2,2]
    assert masked_mean(values, torch.tensor([[[True], [False]]])).item() == 2.0


@pytest.mark.parametrize("lengths", [[9, 9, 9, 9], [9, 1, 4, 6]])
def test_qmix_loss_and_gradients_equal_the_naive_reference(lengths):
    learner = qmix_learner()
    batch = random_batch(SMALL, 4, seed=1, lengths=lengths)
    loss, _ = learner.loss(batch, Progress())
    gradients = torch.autograd.grad(loss, learner.parameters)
    reference = naive_qmix_loss(learner, batch)
    expected = torch.autograd.grad(reference, learner.parameters)
    assert abs(loss.item() - reference.item()) < 1e-6
    for gradient, naive in zip(gradients, expected, strict=True):
        assert torch.allclose(gradient, naive, rtol=0, atol=1e-6)


def test_padding_does_not_change_the_loss():
    learner = qmix_learner()
    batch = random_batch(SMALL, 4, seed=2, lengths=[4, 2, 3, 1])
    padded = random_batch(SMALL, 5, seed=3, lengths=[4, 2, 3, 1, 9])
    for name in ("obs", "state", "avail"):
        getattr(padded, name)[:4, :5] = getattr(batch, name)
    for name in ("actions", "reward", "terminated", "filled"):
        getattr(padded, name)[:4, :4] = getattr(batch, name)
    padded = padded.map(lambda tensor: tensor[:4])
    assert padded.steps == 9
    found, expected = (learner.loss(part, Progress())[0].item() for part in (padded, batch))
    assert found == pytest.approx(expected, abs=1e-6)


def test_targets_are_copied_every_interval_of_episodes():
    learner = qmix_learner()
    batch = random_batch(SMALL, 4)
    learner.update({BATCH: batch}, Progress(episode=199))
    assert not torch.equal(
        learner.controller.net.head.bias, learner.target_controller.net.head.bias
    )
    learner.update({BATCH: batch}, Progress(episode=200))
    for name, tensor in learner.controller.state_dict().items():
        assert torch.equal(tensor, learner.target_controller.state_dict()[name])
    assert learner.last_target_update == 200


def test_vdn_learns_the_sum_and_iql_each_value():
    batch = random_batch(SMALL, 2)
    values = torch.arange(6.0).view(1, 2, 3)
    vdn = VdnConfig().build(SMALL, CPU).learner
    iql = IqlConfig().build(SMALL, CPU).learner
    assert vdn.mixer(values, batch.state).tolist() == [[[3.0], [12.0]]]
    assert iql.mixer(values, batch.state) is values


def test_qmix_grows_with_every_agents_value():
    learner = qmix_learner()
    values = torch.randn(50, 4, 3, requires_grad=True)
    learner.mixer(values, torch.randn(50, 4, 7)).sum().backward()
    assert values.grad.min() >= 0


def test_state_dict_goes_on_bit_for_bit():
    batch = random_batch(SMALL, 4)
    first = qmix_learner()
    first.update({BATCH: batch}, Progress(episode=200))
    second = qmix_learner(seed=5)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    for _ in range(3):
        one, two = (x.update({BATCH: batch}, Progress(episode=300)) for x in (first, second))
        assert one["loss"].item() == two["loss"].item()
    for a, b in zip(first.parameters, second.parameters, strict=True):
        assert torch.equal(a, b)


@pytest.mark.slow  # a busy machine may miss it
def test_fused_update_is_faster_than_the_per_timestep_form():
    """Medians of interleaved rounds, CPU time, one thread, B = 32, T = 250 steps."""
    learner = qmix_learner(STALKERS)
    batch = random_batch(STALKERS, 32)

    def fused() -> None:
        learner.loss(batch, Progress())[0].backward()

    def naive() -> None:
        naive_qmix_loss(learner, batch).backward()

    times: dict[str, list[float]] = {"fused": [], "naive": []}
    for _ in range(5):
        for name, run in (("fused", fused), ("naive", naive)):
            start = time.process_time()
            run()
            times[name].append(time.process_time() - start)
    ratio = sorted(times["naive"])[2] / sorted(times["fused"])[2]
    print(f"fused {sorted(times['fused'])[2]:.3f} s, ratio {ratio:.2f}")
    assert ratio > 1.4


def test_assessment_is_the_error_against_the_returns_of_real_steps():
    learner = qmix_learner()
    batch = random_batch(SMALL, 3, lengths=[9, 2, 5])
    found = learner.assess(batch)
    joint, _ = learner.estimate_rows(batch)
    errors = []
    for row, length in enumerate([9, 2, 5]):
        rest = 0.0
        for t in reversed(range(length)):
            rest = batch.reward[row, t, 0].item() + learner.config.gamma * rest
            errors.append(joint[row, t, 0].item() - rest)
    assert found["value_bias"].item() == pytest.approx(sum(errors) / 16, abs=1e-5)
    squares = sum(error**2 for error in errors) / 16
    assert found["value_error"].item() == pytest.approx(squares**0.5, abs=1e-5)


def naive_lambda(reward, terminated, bootstrap, gamma, weight):
    """The weighed mean of n-step targets of one row, by their definition."""
    steps, found = len(reward), []
    for t in range(steps):
        total, share, reached = 0.0, 0.0, False
        for n in range(1, steps - t + 1):
            last = t + n - 1
            if reached:
                break
            reached = terminated[last]
            n_step = sum(gamma**k * reward[t + k] for k in range(n))
            n_step += 0.0 if reached else gamma**n * bootstrap[last]
            ends = reached or last == steps - 1
            part = 1.0 - share if ends else (1.0 - weight) * weight ** (n - 1)
            total, share = total + part * n_step, share + part
        found.append(total)
    return found


@pytest.mark.parametrize("weight", [0.0, 0.6, 1.0])
@pytest.mark.parametrize("ends", [True, False])
def test_lambda_targets_are_the_mean_of_n_step_targets(weight, ends):
    batch = random_batch(SMALL, 2, lengths=[7, 4])
    batch.terminated[:] = False
    batch.terminated[1, 3] = ends
    bootstrap = torch.rand(2, 7, 1)
    found = lambda_targets(
        batch.reward, batch.terminated, batch.filled, bootstrap, gamma=0.9, weight=weight
    )
    for row, length in enumerate([7, 4]):
        columns = (batch.reward, batch.terminated, bootstrap)
        reward, terminated, values = (column[row, :length, 0].tolist() for column in columns)
        expected = naive_lambda(reward, terminated, values, 0.9, weight)
        assert found[row, :length, 0].tolist() == pytest.approx(expected, abs=1e-6)


def test_td_lambda_changes_the_loss():
    batch, losses = random_batch(SMALL, 3), []
    for weight in (0.0, 0.6):
        learner = qmix_learner()
        learner.config = replace(learner.config, td_lambda=weight)
        losses.append(learner.loss(batch, Progress())[0].item())
    assert losses[0] != losses[1]
