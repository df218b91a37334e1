"""Priorities: the formula by hand, a naive copy beside the tree, rows that come and go."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from builders import ONE_AGENT, SMALL, random_batch

from marl.batch import layout_of
from marl.buffers.episodes import EpisodeBuffer
from marl.buffers.prioritised import DRAWN, Prioritised, PrioritisedSamplerConfig
from marl.buffers.sum_tree import SumTree
from marl.buffers.transitions import TransitionBuffer
from marl.errors import ConfigError
from marl.protocols.experience import BATCH, WEIGHT, Feedback
from marl.single_agent.actor_critic.td3 import Td3Config

LAYOUT = layout_of(ONE_AGENT)
RNG = torch.Generator


def ring(steps: int) -> TransitionBuffer:
    return TransitionBuffer(LAYOUT, steps)


def episodes(count: int = 10, steps: int | None = None) -> EpisodeBuffer:
    return EpisodeBuffer(LAYOUT, ONE_AGENT.episode_limit, count, steps)


def added(*lengths: int, seed: int = 0):
    return random_batch(ONE_AGENT, len(lengths), seed, list(lengths), LAYOUT)


def sampler(**options) -> Prioritised:
    return Prioritised(PrioritisedSamplerConfig(**options))


@pytest.mark.parametrize("size", [1, 2, 7, 64, 100])
def test_a_tree_of_sums_is_a_list_of_numbers_summed_naively(size):
    rng, tree = np.random.default_rng(size), SumTree(size)
    naive = np.zeros(tree.size)
    assert tree.size >= size
    for _ in range(50):
        places = rng.permutation(tree.size)[: max(1, tree.size // 3)]
        values = rng.random(len(places)) * (rng.random(len(places)) < 0.8)
        tree.put(places, values)
        naive[places] = values
        first, count = int(rng.integers(tree.size)), int(rng.integers(tree.size + 1))
        tree.fill(first, count, 0.5)
        naive[(first + np.arange(count)) % tree.size] = 0.5
        assert np.array_equal(tree.get(np.arange(tree.size)), naive)
        assert tree.total == pytest.approx(naive.sum(), rel=1e-12)
        if not naive.any():
            continue
        marks = np.sort(rng.random(20)) * tree.total
        found = tree.find(marks)
        ends = naive.cumsum()
        for mark, place in zip(marks, found, strict=True):
            assert ends[place] - naive[place] <= mark * (1 + 1e-9)
            assert mark <= ends[place] * (1 + 1e-9)
            assert naive[place] > 0.0


def test_the_last_of_equal_places_counts():
    tree = SumTree(4)
    tree.put(np.array([1, 1]), np.array([3.0, 2.0]))
    assert tree.total == 2.0


def test_a_mark_at_the_very_end_finds_no_zero():
    tree = SumTree(4)
    tree.put(np.array([0, 1]), np.array([0.1, 0.2]))
    assert tree.find(np.array([tree.total, 1.0])).tolist() == [1, 1]


def test_chances_and_weights_are_the_papers():
    """|error| = 2, 1, 1 with alpha 0.6 and beta 0.4."""
    buffer, prioritised = ring(3), sampler(batch_size=3000, eps=1e-12)
    buffer.add(added(3))
    everything = prioritised.sample(buffer, RNG())[BATCH]
    assert everything[WEIGHT].unique().tolist() == [1.0]
    numbers = torch.tensor([0, 1, 2])
    asked = everything.take(
        torch.tensor([int((everything[DRAWN] == n).nonzero()[0]) for n in numbers])
    )
    prioritised.learnt({BATCH: asked}, torch.tensor([2.0, 1.0, 1.0]))
    chances = prioritised.priorities / prioritised.priorities.sum()
    assert chances == pytest.approx([0.431126, 0.284437, 0.284437], abs=1e-6)
    prioritised.draws = 0
    batch = prioritised.sample(buffer, RNG())[BATCH]
    first = batch[DRAWN] == 0
    assert first.float().mean().item() == pytest.approx(0.431126, abs=1e-3)  # of equal parts
    assert batch[WEIGHT][first].unique().item() == pytest.approx(0.846745, abs=1e-6)
    assert batch[WEIGHT][~first].unique().tolist() == [1.0]


def test_beta_rises_to_one_and_stays():
    prioritised = sampler(beta=0.4, anneal=4)
    found = []
    for prioritised.draws in (0, 2, 4, 9):
        found.append(prioritised.beta)
    assert found == pytest.approx([0.4, 0.7, 1.0, 1.0])


@pytest.mark.parametrize("of", ["slices", "episodes"])
@pytest.mark.parametrize("kind", ["ring", "episodes", "few_steps"])
def test_priorities_follow_rows_that_come_and_go(kind, of):
    """A dictionary by the steps' own rewards says what each priority must be."""
    if kind == "ring" and of == "episodes":
        pytest.skip("single steps")
    buffer = {"ring": ring(40), "episodes": episodes(6), "few_steps": episodes(50, 30)}[kind]
    prioritised = sampler(batch_size=8, of=of, alpha=1.0, eps=1e-9)
    rng, expected, largest = RNG().manual_seed(0), {}, 1.0
    dice = np.random.default_rng(0)

    def keys():
        rows = torch.arange(len(buffer))
        held = buffer.episodes(rows)
        if of == "episodes":
            return [float(reward[0]) for reward in held.reward[:, :, 0]]
        return held.reward[held.filled].tolist()

    for round_ in range(60):
        lengths = [int(n) for n in dice.integers(1, 10, size=int(dice.integers(1, 4)))]
        buffer.add(added(*lengths, seed=round_))
        for key in keys():
            expected.setdefault(key, largest)
        if round_ % 3 == 2:
            continue  # several additions between two looks
        uniform = prioritised.config.uniform.build(ONE_AGENT)
        assert prioritised.ready(buffer) == uniform.ready(buffer)
        samples = prioritised.sample(buffer, rng)
        batch = samples[BATCH]
        drawn = batch.reward[:, 0, 0].tolist()
        errors = torch.rand(batch.size, generator=rng) * 3
        for key, error in zip(drawn, errors.tolist(), strict=True):
            expected[key] = error + 1e-9
        largest = max(largest, float(errors.max()) + 1e-9)
        prioritised.learnt(samples, errors)
        held = keys()
        # What was added since the last look had another largest priority: as of the look.
        assert len(prioritised.priorities) == len(held)
        assert prioritised.priorities == pytest.approx([expected[key] for key in held], abs=1e-6)
        assert prioritised.tree.total == pytest.approx(prioritised.priorities.sum())


def test_what_went_before_its_errors_came_is_not_given_to_what_came_after():
    buffer, prioritised = ring(4), sampler(batch_size=4)
    buffer.add(added(4))
    samples = prioritised.sample(buffer, RNG())
    buffer.add(added(3, seed=1))
    prioritised.ready(buffer)
    prioritised.learnt(samples, torch.full((4,), 9.0))
    assert (prioritised.priorities == 1.0).sum() >= 3


def test_a_saved_sampler_draws_on_as_the_first_one():
    buffer, one = episodes(7, 40), sampler(batch_size=8)
    rng = RNG().manual_seed(0)
    for seed in range(30):
        buffer.add(added(9, 3, seed=seed))
        samples = one.sample(buffer, rng)
        one.learnt(samples, torch.rand(8, generator=rng))
    other, again = sampler(batch_size=8), episodes(7, 40)
    again.load_state_dict(buffer.state_dict())
    other.load_state_dict(one.state_dict(), again)
    assert isinstance(other, Feedback)
    for seed in range(30, 40):
        errors = torch.rand(8, generator=rng)
        for who, where in ((one, buffer), (other, again)):
            where.add(added(5, seed=seed))
            assert who.ready(where)
            samples = who.sample(where, RNG().manual_seed(seed))
            who.learnt(samples, errors)
        assert np.array_equal(one.priorities, other.priorities)
        left, right = one.state_dict(), other.state_dict()
        assert torch.equal(left.pop("priorities"), right.pop("priorities"))
        assert left == right


def test_a_smaller_replay_keeps_the_newest_priorities():
    buffer, one = ring(8), sampler(batch_size=8)
    buffer.add(added(8))
    samples = one.sample(buffer, RNG())
    one.learnt(samples, samples[BATCH][DRAWN].float())
    less = ring(3)
    less.load_state_dict(buffer.state_dict())
    other = sampler(batch_size=8)
    other.load_state_dict(one.state_dict(), less)
    assert np.array_equal(other.priorities, one.priorities[-3:])
    with pytest.raises(ValueError, match="3 priorities, and the replay holds 8 items"):
        one.load_state_dict(other.state_dict(), buffer)
    broken = {**one.state_dict(), "priorities": torch.tensor([torch.nan] * 8).double()}
    with pytest.raises(ValueError, match="no numbers from 0 on"):
        one.load_state_dict(broken, buffer)


def test_whole_episodes_have_no_length_and_an_empty_replay_no_sample():
    with pytest.raises(ValueError, match="whole episodes have their own"):
        PrioritisedSamplerConfig(of="episodes", length=2)
    with pytest.raises(ValueError, match="empty replay"):
        sampler().sample(ring(4), RNG())


def test_slices_and_episodes_are_asked_of_the_parts_as_the_uniform_samplers_do():
    with pytest.raises(ConfigError, match="whole episodes need"):
        PrioritisedSamplerConfig(of="episodes").check(SMALL, False, "not so")
    with pytest.raises(ConfigError, match="slices of 3 steps need"):
        PrioritisedSamplerConfig(length=3).check(SMALL, False, "not so")


def test_a_learner_that_does_not_weigh_its_errors_is_refused():
    from builders import VECTORS

    with pytest.raises(ConfigError, match="prioritised needs a learner that weighs"):
        Td3Config(sampler=PrioritisedSamplerConfig()).check(VECTORS)
