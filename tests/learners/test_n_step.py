"""n-step transitions: sums by hand, ends by a termination and by a limit."""

from __future__ import annotations

import pytest
import torch

from marl.batch import EpisodeBatch
from marl.learners.n_step import discount_of, first_transitions
from marl.learners.targets import td_targets
from tests.builders import ONE_AGENT, random_batch


def rewards_of_three(lengths: list[int], terminated: bool) -> EpisodeBatch:
    """Rows that pay 1, 2, 3; their last step is terminated, or cut off by a limit."""
    batch = random_batch(ONE_AGENT, len(lengths), lengths=lengths)
    batch.reward.copy_(torch.tensor([1.0, 2.0, 3.0])[None, :, None] * batch.filled)
    if not terminated:
        batch.terminated.fill_(False)
    return batch


@pytest.mark.parametrize(
    ("length", "terminated", "n", "reward", "discount"),
    [
        (3, False, 3, 5.23, 0.729),  # cut off after the third, or simply going on
        (3, True, 3, 5.23, 0.729),  # ends with it
        (2, True, 3, 2.8, 0.81),  # ends with the second
        (2, False, 3, 2.8, 0.81),  # a limit after the second: bootstraps from slot 2
        (3, False, 1, 1.0, 0.9),  # one step is plain temporal difference
    ],
)
def test_sums_are_those_by_hand(length, terminated, n, reward, discount):
    batch = rewards_of_three([length, 3], terminated)
    folded = first_transitions(batch, n, gamma=0.9)
    steps = min(n, length)
    assert folded.steps == 1
    assert folded.reward[0].item() == pytest.approx(reward, abs=1e-6)
    assert discount_of(folded, 0.5)[0].item() == pytest.approx(discount, abs=1e-6)
    assert folded.terminated[0].item() == (terminated and steps == length)
    torch.testing.assert_close(folded.obs[0, 0], batch.obs[0, 0])
    torch.testing.assert_close(folded.obs[0, 1], batch.obs[0, steps])
    torch.testing.assert_close(folded.avail[0, 1], batch.avail[0, steps])
    torch.testing.assert_close(folded.actions[0, 0], batch.actions[0, 0])


def test_a_target_has_no_bootstrap_past_a_termination():
    folded = first_transitions(rewards_of_three([2, 3], terminated=True), 3, gamma=0.9)
    bootstrap = torch.full((2, 1, 1), 100.0)
    targets = td_targets(folded.reward, folded.terminated, bootstrap, discount_of(folded, 0.9))
    assert targets[0].item() == pytest.approx(2.8, abs=1e-5)


def test_rows_without_the_column_have_gamma():
    assert discount_of(random_batch(ONE_AGENT, 1), 0.7) == 0.7


def test_rows_that_are_too_short_are_refused():
    with pytest.raises(ValueError, match="asked for 4 steps of rows that have 3"):
        first_transitions(random_batch(ONE_AGENT, 1, lengths=[3]), 4, gamma=0.9)
