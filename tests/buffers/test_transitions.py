"""The ring of single steps."""

from __future__ import annotations

import copy

import pytest
import torch
from builders import SMALL, VECTORS, random_batch

from marl.batch import EpisodeBatch, layout_of
from marl.buffers.episodes import EpisodeBuffer
from marl.buffers.samplers import EpisodeSamplerConfig, Slices
from marl.buffers.transitions import TransitionBuffer, TransitionBufferConfig
from marl.errors import ConfigError
from marl.protocols.experience import BATCH
from marl.spec import EnvSpec


def numbered(spec: EnvSpec, first: int, lengths: list[int]) -> EpisodeBatch:
    """Episodes numbered from `first`; the reward of step t is 100 * number + t."""
    layout = layout_of(spec)
    batch = random_batch(spec, len(lengths), seed=first, lengths=lengths, layout=layout)
    for row, length in enumerate(lengths):
        batch.episode[row] = first + row
        batch.reward[row, :length, 0] = 100.0 * (first + row) + torch.arange(length)
    return batch


def held(buffer: TransitionBuffer) -> EpisodeBatch:
    return buffer.episodes(torch.arange(len(buffer)))


def rewards(batch: EpisodeBatch) -> list[int]:
    return batch.reward[:, 0, 0].int().tolist()


@pytest.mark.parametrize("spec", [SMALL, VECTORS], ids=["discrete", "continuous"])
def test_a_step_is_kept_with_its_slots_and_the_action_before(spec):
    buffer = TransitionBuffer(layout_of(spec), 10)
    batch = numbered(spec, 0, [3, 1])
    batch.previous_actions[1] = batch.actions[0, 1]  # row 1 goes on with an episode
    batch.started[1] = False
    buffer.add(batch)
    steps = held(buffer)
    assert (len(buffer), buffer.steps, steps.steps) == (4, 4, 1)
    assert rewards(steps) == [0, 1, 2, 100]
    assert steps.filled.all()
    assert steps.terminated[:, 0, 0].tolist() == [False, False, True, True]
    assert steps.started.tolist() == [True, False, False, False]
    assert steps.episode.tolist() == [0, 0, 0, 1]
    before = [torch.zeros_like(batch.actions[0, 0]), *batch.actions[0, :2], batch.actions[0, 1]]
    for row, (episode, t) in enumerate([(0, 0), (0, 1), (0, 2), (1, 0)]):
        for name in batch.layout.names("slot"):
            assert torch.equal(steps[name][row], batch[name][episode, t : t + 2]), name
        assert torch.equal(steps.actions[row, 0], batch.actions[episode, t])
        assert torch.equal(steps.previous_actions[row], before[row])


def test_the_oldest_steps_go_first():
    buffer = TransitionBuffer(layout_of(SMALL), 4)
    buffer.add(numbered(SMALL, 0, [3]))
    buffer.add(numbered(SMALL, 1, [3]))
    assert rewards(held(buffer)) == [2, 100, 101, 102]
    buffer.add(numbered(SMALL, 2, [1]))
    assert rewards(held(buffer)) == [100, 101, 102, 200]
    assert (len(buffer), buffer.steps) == (4, 4)


def test_of_more_steps_than_there_is_room_the_newest_stay():
    buffer = TransitionBuffer(layout_of(SMALL), 4)
    buffer.add(numbered(SMALL, 0, [1]))
    buffer.add(numbered(SMALL, 1, [6, 2]))
    assert rewards(held(buffer)) == [104, 105, 200, 201]


def test_clear_leaves_nothing_and_it_fills_anew():
    buffer = TransitionBuffer(layout_of(SMALL), 4)
    buffer.add(numbered(SMALL, 0, [9]))
    buffer.clear()
    assert (len(buffer), buffer.steps) == (0, 0)
    buffer.add(numbered(SMALL, 1, [2]))
    assert rewards(held(buffer)) == [100, 101]


def test_single_steps_make_slices_of_one_step_alone():
    buffer = TransitionBuffer(layout_of(SMALL), 10)
    buffer.add(numbered(SMALL, 0, [5]))
    drawn = Slices(200).sample(buffer, torch.Generator().manual_seed(0))[BATCH]
    assert set(rewards(drawn)) == {0, 1, 2, 3, 4}
    assert buffer.lengths(torch.tensor([4, 0])).tolist() == [1, 1]
    with pytest.raises(ValueError, match="slices of 2 steps of a replay of single ones"):
        Slices(3, length=2).sample(buffer, torch.Generator())


def test_it_gives_what_a_replay_of_episodes_gives():
    batch = numbered(SMALL, 0, [5, 2, 9])
    batch.previous_actions[1], batch.started[1] = batch.actions[0, 3], False
    steps, episodes = (
        TransitionBuffer(batch.layout, 100),
        EpisodeBuffer(batch.layout, SMALL.episode_limit, 100),
    )
    draws = []
    for buffer in (steps, episodes):
        buffer.add(batch)
        draws.append(Slices(50).sample(buffer, torch.Generator().manual_seed(4))[BATCH])
    for name in batch.layout:
        assert torch.equal(*(draw[name] for draw in draws)), name


def test_a_saved_replay_samples_the_same():
    buffer, other = (TransitionBuffer(layout_of(SMALL), 4) for _ in range(2))
    buffer.add(numbered(SMALL, 0, [3, 3]))  # wraps round
    other.add(numbered(SMALL, 5, [2]))
    other.load_state_dict(copy.deepcopy(buffer.state_dict()))
    for each in (buffer, other):
        each.add(numbered(SMALL, 9, [1]))
    for name in buffer.layout:
        assert torch.equal(held(buffer)[name], held(other)[name]), name
    assert rewards(held(other)) == [100, 101, 102, 900]


def test_a_replay_of_other_sizes_is_refused():
    buffer = TransitionBuffer(layout_of(SMALL), 10)
    buffer.add(numbered(SMALL, 0, [9]))
    state = buffer.state_dict()
    with pytest.raises(ValueError, match="the replay's obs has shape"):
        TransitionBuffer(layout_of(VECTORS), 10).load_state_dict(state)
    with pytest.raises(ValueError, match="has no column 'reward'"):
        buffer.load_state_dict({k: v for k, v in state.items() if k != "reward"})


def test_of_a_saved_replay_too_large_the_newest_steps_stay():
    buffer, smaller = TransitionBuffer(layout_of(SMALL), 10), TransitionBuffer(layout_of(SMALL), 4)
    buffer.add(numbered(SMALL, 0, [9]))
    smaller.load_state_dict(buffer.state_dict())
    assert rewards(held(smaller)) == [5, 6, 7, 8]
    smaller.add(numbered(SMALL, 1, [1]))
    assert rewards(held(smaller)) == [6, 7, 8, 100]


def test_the_bytes_of_a_step_are_those_of_its_columns():
    buffer = TransitionBuffer(layout_of(SMALL), 10)
    slot = 3 * 6 * 4 + 7 * 4 + 3 * 5  # obs, state, avail
    step = 3 * 8 + 4 + 1 + 1  # actions, reward, terminated, filled
    row = 1 + 3 * 8 + 8  # started, previous_actions, episode
    assert buffer.bytes_after(1) == 2 * slot + step + row
    buffer.add(numbered(SMALL, 0, [4]))
    assert buffer.nbytes == 4 * buffer.row_bytes
    assert buffer.bytes_after(5) == 9 * buffer.row_bytes
    assert buffer.bytes_after(50) == 10 * buffer.row_bytes
    assert buffer.fitting(3 * buffer.row_bytes) == "buffer.steps=3"


def test_more_steps_than_any_memory_holds_are_refused_with_the_number_that_fits():
    line = r"no memory for 1,000,000,000,000 steps of test/small, which take [\d,]+.\d GiB"
    with pytest.raises(ConfigError, match=line + r", and [\d,]+.\d GiB are free: [\d,]+ fit"):
        TransitionBufferConfig(steps=10**12).build(layout_of(SMALL), SMALL)


def test_a_replay_too_small_for_the_first_update_is_refused():
    with pytest.raises(ValueError, match=r"buffer\.steps: 8 can never hold the 9 steps"):
        TransitionBufferConfig(steps=8).refuse_too_small(1, 9)
    TransitionBufferConfig(steps=9).refuse_too_small(EpisodeSamplerConfig().episodes_needed, 9)
