"""The replay ring: what it keeps, what it gives back."""

from __future__ import annotations

import copy

import pytest
import torch
from builders import SMALL, random_batch

from marl.batch import WON, Column, EpisodeBatch, layout_of
from marl.buffers import episodes as episodes_module
from marl.buffers.episodes import EpisodeBuffer
from marl.buffers.samplers import Slices, WholeEpisodes
from marl.buffers.segments import SEGMENT_WORDS
from marl.compiled.memory import WORD_BYTES
from marl.errors import MemoryShortError
from marl.protocols.experience import BATCH
from marl.protocols.loop import State

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


def all_of(buffer: EpisodeBuffer) -> EpisodeBatch:
    return buffer.episodes(torch.arange(len(buffer)))


def plain(buffer: EpisodeBuffer) -> State:
    """What the replay saved before its episodes were packed."""
    held, lengths = all_of(buffer), buffer.lengths(torch.arange(len(buffer)))
    state: State = {"lengths": lengths}
    for name, column in LAYOUT.items():
        extra = {"slot": 1, "step": 0}
        if column.level == "episode":
            state[name] = held[name]
        else:
            widths = (lengths + extra[column.level]).tolist()
            state[name] = torch.cat([held[name][row, :width] for row, width in enumerate(widths)])
    return state


def test_the_plain_replay_of_an_older_checkpoint_is_read():
    buffer, other = replay(episodes=3), replay(episodes=3)
    buffer.add(numbered(0, [2, 3, 9, 4]))
    other.add(numbered(7, [5]))
    other.load_state_dict(plain(buffer))
    assert other.steps == buffer.steps == 16
    for name in LAYOUT:
        assert torch.equal(all_of(other)[name], all_of(buffer)[name]), name


def test_a_saved_state_stays_as_it_is_whatever_comes_later():
    buffer, other = replay(episodes=3), replay(episodes=3)
    buffer.add(numbered(0, [2, 3, 9]))
    before, state = all_of(buffer), buffer.state_dict()
    buffer.add(numbered(3, [9, 9, 9]))
    other.load_state_dict(state)
    for name in LAYOUT:
        assert torch.equal(all_of(other)[name], before[name]), name


@pytest.mark.parametrize("form", [EpisodeBuffer.state_dict, plain])
def test_of_a_saved_replay_too_large_the_newest_episodes_stay(form):
    buffer = replay(episodes=5)
    buffer.add(numbered(0, [2, 3, 9, 4, 1, 5]))
    for smaller, kept in ((replay(2), [4, 5]), (replay(9, max_steps=11), [3, 4, 5])):
        smaller.load_state_dict(form(buffer))
        assert all_of(smaller).episode.tolist() == kept
        assert smaller.steps == sum([2, 3, 9, 4, 1, 5][row] for row in kept)
        smaller.add(numbered(6, [1]))
        assert all_of(smaller).episode.tolist() == [*kept, 6][-smaller.capacity :]


def test_a_replay_with_columns_of_another_recipe_is_read():
    more = [Column("extra", "step", (4,), torch.float32), Column("mark", "episode", (), torch.bool)]
    stored = EpisodeBuffer(LAYOUT.with_columns(more), SMALL.episode_limit, 3)
    stored.add(random_batch(SMALL, 3, lengths=[4, 9, 2], layout=stored.layout))
    buffer = replay(episodes=3)
    buffer.load_state_dict(stored.state_dict())
    for name in LAYOUT:
        assert torch.equal(all_of(buffer)[name], all_of(stored)[name]), name
    with pytest.raises(ValueError, match="the replay has no column 'extra'"):
        stored.load_state_dict(buffer.state_dict())


def damaged(state: State, **changed: object) -> State:
    return {**copy.deepcopy(state), **changed}


def test_a_damaged_replay_is_refused_before_anything_is_read_from_it():
    buffer = replay(episodes=3)
    buffer.add(numbered(0, [2, 3, 9]))
    state = buffer.state_dict()
    starts, (words,) = state["starts"], state["segments"]
    cut = [words[:-1]]
    far, negative = starts + torch.tensor([0, 0, 10**9]), starts - 1
    longer = state["lengths"] + torch.tensor([0, 1, 0])
    changed = words.clone()
    changed[int(starts[1]) + 4] ^= 1 << 7  # a bit of the second episode's first slot
    for wrong, line in [
        ({"segments": cut}, "episode 2 is damaged"),
        ({"segments": [changed]}, "episode 1 is damaged"),
        ({"starts": far}, "episode 2 is damaged"),
        ({"starts": negative}, "episode 0 is damaged"),
        ({"lengths": longer}, "episode 1 is damaged"),
        ({"starts": starts[:2]}, "index does not fit"),
        ({"starts": starts.float()}, "no integers"),
        ({"segments": [words[None]]}, "no integers"),
        ({"segments": [words, words]}, "index does not fit"),
        ({"values": {**state["values"], "won": state["values"]["won"][:, None]}}, "does not fit"),
        ({"entries": [2]}, "index does not fit"),
        ({"entries": [3, 0], "segments": [words, words]}, "index does not fit"),
        ({"lengths": state["lengths"] + 1}, "a replay of episodes of up to 10 steps, not 9"),
        ({"columns": [["obs", "slot", [3, 6], "load"]]}, "type 'load' is not one of torch's"),
    ]:
        with pytest.raises(ValueError, match=line):
            replay(episodes=3).load_state_dict(damaged(state, **wrong))
    replay(episodes=3).load_state_dict(damaged(state))


def test_memory_is_taken_for_what_is_held_alone():
    buffer, one = replay(episodes=4), replay(episodes=4)
    one.add(numbered(0, [9]))
    for first in range(0, 20_000, 4):
        buffer.add(numbered(first, [9, 9, 9, 9]))
    assert buffer.steps == 36
    assert buffer.nbytes < 2 * SEGMENT_WORDS * WORD_BYTES + 8 * one.nbytes


def test_the_need_is_foretold_by_the_episodes_so_far():
    buffer = replay(episodes=10)
    assert buffer.bytes_after(1000) == 0  # nothing is known yet
    buffer.add(numbered(0, [4, 6]))
    one = buffer.nbytes / 2
    assert buffer.bytes_after(10) == round(4 * one)
    assert buffer.bytes_after(1000) == round(10 * one)
    assert buffer.fitting(int(3.5 * one)) == "buffer.episodes=3"
    assert buffer.fitting(int(35 * one)) == "buffer.episodes=10"
    bounded = replay(episodes=10, max_steps=20)
    bounded.add(numbered(0, [4, 6]))
    assert bounded.bytes_after(1000) == round(4 * one)
    assert bounded.fitting(int(3.5 * one)) == "buffer.episodes=3"


def test_a_saved_replay_beyond_the_free_memory_is_refused(monkeypatch):
    buffer = replay(episodes=4)
    buffer.add(numbered(0, [9, 9, 9, 9]))
    monkeypatch.setattr(episodes_module, "free_memory", lambda: buffer.nbytes // 2)
    line = r"takes 0\.0 GiB, and 0\.0 GiB are free; 2 of its 4 episodes fit"
    with pytest.raises(MemoryShortError, match=line):
        replay(episodes=4).load_state_dict(buffer.state_dict())
