"""The replay ring: what it keeps, what it gives back."""

from __future__ import annotations

import copy

import pytest
import torch
from builders import SMALL, random_batch

from marl.batch import WON, EpisodeBatch, layout_of
from marl.buffers.episodes import EpisodeBuffer
from marl.buffers.samplers import Slices, WholeEpisodes
from marl.protocols.experience import BATCH

LAYOUT = layout_of(SMALL, [WON])


def numbered(first: int, lengths: list[int]) -> EpisodeBatch:
    """Episodes numbered from `first`; the reward of step t is 100 * number + t."""
    batch = random_batch(SMALL, len(lengths), seed=first, lengths=lengths)
    for row, length in enumerate(lengths):
        batch.episode[row] = first + row
        batch.reward[row, :length, 0] = 100.0 * (first + row) + torch.arange(length)
    return batch


def replay(episodes: int, max_steps: int | None = None) -> EpisodeBuffer:
    return EpisodeBuffer(LAYOUT, SMALL.episode_limit, episodes, max_steps)


def test_oldest_episodes_go_first():
    buffer = replay(episodes=3)
    buffer.add(numbered(0, [2, 3]))
    buffer.add(numbered(2, [4, 1]))
    held = buffer.episodes(torch.arange(len(buffer)))
    assert held.episode.tolist() == [1, 2, 3]
    assert buffer.lengths(torch.tensor([2, 0, 1])).tolist() == [1, 3, 4]
    assert buffer.steps == 8


def test_a_limit_of_steps_drops_old_episodes():
    buffer = replay(episodes=10, max_steps=7)
    buffer.add(numbered(0, [3, 3, 3]))
    assert len(buffer) == 2
    assert buffer.steps == 6


def test_episodes_come_back_as_they_went_in_with_zero_padding():
    buffer = replay(episodes=4)
    buffer.add(numbered(7, [9, 9, 9, 9]))  # dirty every row first
    batch = numbered(0, [5, 2, 4, 1])
    buffer.add(batch)
    held = buffer.episodes(torch.arange(len(buffer)))
    for name in LAYOUT:
        assert torch.equal(held[name], batch[name]), name


def test_whole_episodes_are_drawn_without_repeats_and_trimmed():
    buffer = replay(episodes=10)
    buffer.add(numbered(0, [2, 3, 4, 5, 6]))
    rng = torch.Generator().manual_seed(0)
    batch = WholeEpisodes(5).sample(buffer, rng)[BATCH]
    assert sorted(batch.episode.tolist()) == [0, 1, 2, 3, 4]
    assert batch.steps == 6


def test_too_few_episodes_are_refused_with_what_to_do():
    buffer = replay(episodes=10)
    buffer.add(numbered(0, [2]))
    with pytest.raises(ValueError, match=r"asked for 2 episodes, hold 1; lower sampler.batch_size"):
        WholeEpisodes(2).sample(buffer, torch.Generator())


def test_one_step_slices_are_transitions_with_their_next_slot():
    buffer = replay(episodes=4)
    batch = numbered(0, [5, 2])
    buffer.add(batch)
    slices = Slices(200, length=1).sample(buffer, torch.Generator().manual_seed(0))[BATCH]
    assert slices.steps == 1
    assert slices.filled.all()
    seen = set(slices.reward[:, 0, 0].int().tolist())
    assert seen == {0, 1, 2, 3, 4, 100, 101}  # every step of both episodes
    for row in range(slices.size):
        episode, t = divmod(int(slices.reward[row, 0, 0]), 100)
        assert torch.equal(slices.obs[row], batch.obs[episode, t : t + 2])
        assert slices.terminated[row, 0, 0] == batch.terminated[episode, t, 0]
        before = batch.actions[episode, t - 1].tolist() if t else [0, 0, 0]
        assert slices.started[row] == (t == 0)
        assert slices.previous_actions[row].tolist() == before


def test_every_step_is_equally_likely_in_slices():
    buffer = replay(episodes=4)
    buffer.add(numbered(0, [8, 2]))
    slices = Slices(20_000).sample(buffer, torch.Generator().manual_seed(1))[BATCH]
    share = (slices.episode == 0).float().mean().item()
    assert share == pytest.approx(0.8, abs=0.015)  # 5 standard errors


def test_slices_past_an_episodes_end_are_padding():
    buffer = replay(episodes=4)
    buffer.add(numbered(0, [3, 3]))
    batch = buffer.slices(torch.tensor([0]), torch.tensor([2]), length=3)
    assert batch.filled[0, :, 0].tolist() == [True, False, False]
    assert batch.obs[0, 1].abs().sum() > 0  # the slot after the last step is real
    assert batch.obs[0, 2:].abs().sum() == 0


def test_saved_replay_samples_the_same():
    buffer = replay(episodes=3)
    buffer.add(numbered(0, [2, 3, 9, 4]))  # wraps round
    other = replay(episodes=3)
    other.load_state_dict(copy.deepcopy(buffer.state_dict()))
    rngs = [torch.Generator().manual_seed(3) for _ in range(2)]
    draws = [
        WholeEpisodes(2).sample(held, rng)[BATCH]
        for held, rng in zip((buffer, other), rngs, strict=True)
    ]
    for name in LAYOUT:
        assert torch.equal(*(draw[name] for draw in draws)), name
    other.add(numbered(4, [1]))
    assert other.episodes(torch.arange(len(other))).episode.tolist() == [2, 3, 4]
