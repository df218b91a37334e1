"""Threads that share an update: one thread's numbers, and the same ones every time."""

from __future__ import annotations

import pytest
import torch
from builders import STALKERS, random_batch

from marl.algos.iql import IqlConfig
from marl.algos.lagma import LagmaConfig
from marl.algos.qmix import QmixConfig
from marl.nets import threads
from marl.nets.threads import deal, set_learner_threads
from marl.protocols.experience import BATCH
from marl.protocols.loop import Progress

CPU = torch.device("cpu")
LENGTHS = [9, 250, 30, 31, 1, 120, 7]


@pytest.fixture(autouse=True)
def _one_thread_afterwards():
    yield
    set_learner_threads(1)


def test_rows_are_dealt_to_and_fro_from_the_longest_on():
    assert [some.tolist() for some in deal(torch.tensor([1, 9, 5, 7, 3]), 2)] == [[0, 1, 4], [2, 3]]
    assert [some.tolist() for some in deal(torch.tensor([4]), 3)] == [[0]]


@pytest.mark.parametrize("config", [QmixConfig(), IqlConfig()], ids=["qmix", "iql"])
@pytest.mark.parametrize("count", [2, 3, 9])
def test_loss_and_gradients_are_those_of_one_thread(config, count):
    torch.manual_seed(0)
    learner = config.build(STALKERS, CPU).learner
    batch = random_batch(STALKERS, len(LENGTHS), lengths=LENGTHS)
    found = []
    for number in (1, count):
        set_learner_threads(number)
        loss, metrics = learner.loss(batch, Progress())
        found.append((loss, metrics, torch.autograd.grad(loss, learner.parameters)))
    (one, one_metrics, one_gradients), (other, other_metrics, other_gradients) = found
    assert torch.allclose(one, other, rtol=1e-6)
    for name, value in one_metrics.items():
        assert torch.allclose(value, other_metrics[name], rtol=1e-5), name
    for first, second in zip(one_gradients, other_gradients, strict=True):
        assert torch.allclose(first, second, rtol=1e-4, atol=1e-6 * float(first.abs().max()))


def test_updates_with_two_threads_are_the_same_bit_for_bit_every_time():
    set_learner_threads(2)
    states = []
    for _ in range(2):
        torch.manual_seed(0)
        agent = LagmaConfig().build(STALKERS, CPU)
        batch = random_batch(STALKERS, len(LENGTHS), lengths=LENGTHS, layout=agent.layout)
        for update in range(4):
            agent.learner.update({BATCH: batch}, Progress(10**6, 100 + update, update))
        states.append([*agent.learner.parameters])
    for first, second in zip(*states, strict=True):
        assert torch.equal(first, second)


def test_an_error_in_a_helper_reaches_the_caller():
    set_learner_threads(2)

    def fail_on_short(batch):
        if batch.size == 3:
            raise ValueError("three rows")
        return batch.reward, batch.reward

    weight = torch.zeros(1, requires_grad=True)
    batch = random_batch(STALKERS, len(LENGTHS), lengths=LENGTHS)
    with pytest.raises(ValueError, match="three rows"):
        threads.shared(fail_on_short, batch, [weight])
