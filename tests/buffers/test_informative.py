"""Episodes drawn by their scores: ranks, when they are scored, and what is remembered."""

from __future__ import annotations

import pytest
import torch
from builders import ONE_AGENT, SMALL, VECTORS, random_batch

from marl.batch import EpisodeBatch, layout_of
from marl.buffers.episodes import EpisodeBuffer
from marl.buffers.informative import Informative, InformativeSamplerConfig, ranks_of
from marl.buffers.samplers import NamedSamplers
from marl.config.schema import parse
from marl.errors import ConfigError
from marl.intrinsic.none import NoBonusConfig
from marl.protocols.experience import BATCH
from marl.single_agent.actor_critic.music import MusicConfig

LAYOUT = layout_of(ONE_AGENT)


class Told:
    """Scores episodes by a table, times how often it is asked about each."""

    device = torch.device("cpu")

    def __init__(self, scores: dict[int, float]) -> None:
        self.table = scores
        self.asked: list[int] = []

    def scores(self, batch: EpisodeBatch) -> torch.Tensor:
        self.asked += batch.episode.tolist()
        return torch.tensor([self.table[number] for number in batch.episode.tolist()])


def episode(number: int, length: int = 9) -> EpisodeBatch:
    batch = random_batch(ONE_AGENT, 1, seed=number, lengths=[length], layout=LAYOUT)
    batch.episode.fill_(number)
    return batch


def replay(*numbers: int, room: int = 10) -> EpisodeBuffer:
    buffer = EpisodeBuffer(LAYOUT, 9, room)
    for number in numbers:
        buffer.add(episode(number))
    return buffer


def sampler_of(scores: dict[int, float], size: int = 4000) -> Informative:
    sampler = InformativeSamplerConfig(batch_size=size).build(ONE_AGENT)
    sampler.score_by(Told(scores))
    return sampler


def shares(sampler: Informative, buffer: EpisodeBuffer, seed: int = 0) -> dict[int, float]:
    batch = sampler.sample(buffer, torch.Generator().manual_seed(seed))[BATCH]
    numbers, counts = batch.episode.unique(return_counts=True)
    return dict(zip(numbers.tolist(), (counts / batch.size).tolist(), strict=True))


def test_ranks_are_dense_and_begin_at_zero():
    assert ranks_of(torch.tensor([0.3, 0.1, 0.3, 0.2])).tolist() == [2.0, 0.0, 2.0, 1.0]


def test_episodes_are_drawn_in_proportion_to_their_rank():
    found = shares(sampler_of({1: 0.5, 2: 0.1, 3: 0.1, 4: 0.2}), replay(1, 2, 3, 4))
    assert found == {1: pytest.approx(2 / 3, abs=0.03), 4: pytest.approx(1 / 3, abs=0.03)}


def test_equal_scores_are_drawn_alike():
    found = shares(sampler_of({1: 0.0, 2: 0.0}), replay(1, 2))
    assert found == {1: pytest.approx(0.5, abs=0.03), 2: pytest.approx(0.5, abs=0.03)}


def test_any_step_of_an_episode_is_drawn():
    buffer = replay()
    buffer.add(episode(1, length=4))
    buffer.add(episode(2, length=9))
    batch = sampler_of({1: 1.0, 2: 0.0}).sample(buffer, torch.Generator().manual_seed(0))[BATCH]
    assert batch.filled.all()
    first = buffer.episodes(torch.tensor([0])).obs[0, :4, 0, 0]
    for value in first:
        share = (batch.obs[:, 0, 0, 0] == value).float().mean()
        assert share == pytest.approx(0.25, abs=0.03)


def test_an_episode_is_scored_once_when_it_is_first_seen_and_forgotten_when_it_goes():
    sampler, buffer = sampler_of(dict.fromkeys(range(9), 1.0)), replay(1, 2, room=3)
    told = sampler.bonus
    assert isinstance(told, Told)
    shares(sampler, buffer)
    told.table[1] = told.table[2] = 5.0  # too late for these
    buffer.add(episode(5))
    shares(sampler, buffer)
    assert told.asked == [1, 2, 5]
    assert sampler.scores.tolist() == [1.0, 1.0, 1.0]
    buffer.add(episode(7))
    shares(sampler, buffer)
    assert sampler.numbers.tolist() == [2, 5, 7]
    for number in (3, 4, 6, 8):
        buffer.add(episode(number))
    shares(sampler, buffer)
    assert sampler.numbers.tolist() == [4, 6, 8]


def test_a_saved_one_goes_on_as_the_first():
    buffer = replay(1, 2, 3)
    one = NamedSamplers({BATCH: sampler_of({1: 0.1, 2: 0.2, 3: 0.3})})
    two = NamedSamplers({BATCH: sampler_of({1: 9.0, 2: 8.0, 3: 7.0, 4: 0.25})})
    one.samplers[BATCH].bonus.table[4] = 0.25
    one.sample(buffer, torch.Generator())
    two.load_state_dict(one.state_dict(), buffer)
    buffer.add(episode(4))
    drawn = [who.sample(buffer, torch.Generator().manual_seed(1))[BATCH] for who in (one, two)]
    assert torch.equal(drawn[0].obs, drawn[1].obs)
    with pytest.raises(ValueError, match="one for each"):
        one.samplers[BATCH].load_state_dict(
            {"numbers": torch.zeros(2), "scores": torch.zeros(3)}, buffer
        )


def test_a_bonus_that_scores_nothing_is_refused_in_one_line():
    by_scores = InformativeSamplerConfig()
    with pytest.raises(ConfigError, match=r"needs a bonus .* and bonus\.kind=none"):
        MusicConfig(sampler=by_scores, bonus=NoBonusConfig()).check(VECTORS)
    MusicConfig(sampler=by_scores).check(VECTORS)


def test_rows_that_are_less_than_episodes_are_refused():
    with pytest.raises(ConfigError, match=r"buffer\.kind=episodes, not steps and transitions"):
        InformativeSamplerConfig().check(SMALL, False, "not steps and transitions")
    with pytest.raises(ConfigError, match="batch_size"):
        parse(InformativeSamplerConfig, {"batch_size": 0})
