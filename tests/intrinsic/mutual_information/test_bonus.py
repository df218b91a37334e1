"""MUSIC's bonus: its loss and its reward by hand, its state, and what it refuses."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
from builders import ONE_AGENT, SMALL, random_batch

from marl.batch import EpisodeBatch
from marl.config.schema import parse
from marl.errors import ConfigError
from marl.intrinsic.mutual_information.bonus import (
    EPISODES,
    MutualInformation,
    MutualInformationConfig,
)
from marl.intrinsic.mutual_information.estimate import permutation
from marl.protocols.learning import PretrainedBonus, SamplingBonus, ScoringBonus, TrainedBonus
from marl.protocols.loop import Progress

CPU = torch.device("cpu")


def bonus_of(spec=ONE_AGENT, **options) -> MutualInformation:
    torch.manual_seed(0)
    return MutualInformationConfig(**options).build(spec, 0.98, CPU)


def parts(batch: EpisodeBatch, agent: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    return batch.obs[:, :, agent, 0:3], batch.obs[:, :, agent, 3:6]


def test_its_loss_is_that_of_the_printed_formula():
    bonus, batch = bonus_of(), random_batch(ONE_AGENT, 5)
    rng = torch.Generator()
    rng.set_state(bonus.rng.get_state())
    mask = torch.ones(5, 1, 10, dtype=torch.bool)
    order = permutation(mask, rng)[0, 0]
    x, y = parts(batch)
    joint, marginal = bonus.network(x, y), bonus.network(x, y[:, order])  # [B,N]
    by_hand = (joint.mean(1) - marginal.exp().mean(1).log()).mean()
    assert bonus.estimate(batch).item() == pytest.approx(by_hand.item(), abs=1e-6)


def test_a_step_learns_to_tell_more():
    bonus, batch = bonus_of(), random_batch(ONE_AGENT, 32)
    batch.obs[..., 3:6] = batch.obs[..., 0:3]  # surroundings that follow the agent
    found = [bonus.learn({EPISODES: batch})["mi_estimate"].item() for _ in range(200)]
    assert found[-1] > found[0] + 0.1


@pytest.mark.parametrize("spec", [ONE_AGENT, SMALL], ids=["one", "three"])
def test_its_reward_is_that_of_the_printed_formula(spec):
    bonus, batch = bonus_of(spec, weight=0.5, scale=300.0), random_batch(spec, 4)
    reward, metrics = bonus(batch, torch.zeros(4, 9, spec.n_agents), Progress())
    for agent in range(spec.n_agents):
        x, y = parts(batch, agent)
        for t in (0, 8):
            t11, t22 = bonus.network(x[:, t], y[:, t]), bonus.network(x[:, t + 1], y[:, t + 1])
            t12, t21 = bonus.network(x[:, t], y[:, t + 1]), bonus.network(x[:, t + 1], y[:, t])
            estimate = (t11 + t22) / 2 - ((t12.exp() + t21.exp()) / 2).log()
            by_hand = 0.5 * ((300.0 * estimate).clamp(0, 1) - 1)
            torch.testing.assert_close(reward[:, t, agent], by_hand, rtol=0, atol=1e-4)
    torch.testing.assert_close(bonus.of_transitions(batch)[:, 8, -1], estimate, rtol=0, atol=1e-6)
    assert reward.shape == (4, 9, spec.n_agents)
    assert -0.5 <= reward.min() < reward.max() <= 0.0
    assert metrics["mi_reward"].item() == pytest.approx(reward.mean().item(), abs=1e-6)
    clipped = metrics["mi_clipped_low"] + metrics["mi_clipped_high"]
    inside = ((reward > -0.5) & (reward < 0.0)).float().mean()
    assert clipped.item() == pytest.approx(1.0 - inside.item(), abs=1e-6)


def test_who_learns_one_value_for_all_is_paid_the_mean():
    bonus, batch = bonus_of(SMALL), random_batch(SMALL, 4)
    each, _ = bonus(batch, torch.zeros(4, 9, 3), Progress())
    one, _ = bonus(batch, torch.zeros(4, 9, 1), Progress())
    torch.testing.assert_close(one, each.mean(-1, keepdim=True))


def test_where_agent_or_surroundings_stay_there_is_nothing_to_gain():
    bonus, batch = bonus_of(), random_batch(ONE_AGENT, 4)
    batch.obs[:, 1:, :, 3:6] = batch.obs[:, :1, :, 3:6]
    reward, metrics = bonus(batch, torch.zeros(4, 9, 1), Progress())
    assert metrics["mi_transition"].item() <= 1e-7  # Jensen: the mean of logs is below the log
    assert reward.max() < -0.99


def test_the_official_shuffle_pays_nobody_half_the_time():
    batch = random_batch(ONE_AGENT, 8)
    bonus = bonus_of(shuffle="official", scale=1e6)
    most = [bonus(batch, torch.zeros(8, 9, 1), Progress())[0].max().item() for _ in range(200)]
    nobody = sum(value == -1.0 for value in most) / 200
    assert nobody == pytest.approx(0.5, abs=0.1)
    swapped = bonus_of(scale=1e6)(batch, torch.zeros(8, 9, 1), Progress())[0]
    assert max(most) == swapped.max().item() > -1.0


def test_padding_is_paid_nothing_and_teaches_nothing():
    bonus = bonus_of()
    batch = random_batch(ONE_AGENT, 2, lengths=[9, 4])
    reward, metrics = bonus(batch, torch.zeros(2, 9, 1), Progress())
    assert (reward[1, 4:] == 0.0).all()
    assert metrics["mi_reward"].item() == pytest.approx((reward.sum() / 13).item(), abs=1e-6)
    rng = bonus.rng.get_state()
    first = bonus.estimate(batch).item()
    batch.obs[1, 5:] = 7.0
    bonus.rng.set_state(rng)
    assert bonus.estimate(batch).item() == pytest.approx(first, abs=1e-6)


def test_an_episodes_score_is_the_sum_of_what_its_steps_tell_within_bounds():
    bonus, batch = bonus_of(most=0.001), random_batch(ONE_AGENT, 3, lengths=[9, 9, 4])
    by_hand = bonus.of_transitions(batch)[..., 0].clamp(0.0, 0.001)
    by_hand[2, 4:] = 0.0
    torch.testing.assert_close(bonus.scores(batch), by_hand.sum(1))


def test_it_draws_episodes_and_learns_unless_its_weights_came_from_elsewhere():
    bonus = bonus_of()
    for seam in (SamplingBonus, ScoringBonus, TrainedBonus, PretrainedBonus):
        assert isinstance(bonus, seam)
    assert list(bonus.samplers) == [EPISODES]
    frozen = bonus_of(pretrained="/somewhere")
    assert not frozen.samplers
    assert not frozen.parameters
    assert frozen.learn({}) == {}
    assert frozen.start_from(bonus.state_dict())
    assert frozen.start_from({"mutual_information": bonus.state_dict(), "skills": {}})
    assert not frozen.start_from({})


def test_a_saved_one_goes_on_as_the_first():
    batch = random_batch(ONE_AGENT, 4)
    one, two = bonus_of(shuffle="official"), bonus_of(shuffle="official", hidden_dim=128)
    one.learn({EPISODES: batch})
    two.load_state_dict(copy.deepcopy(one.state_dict()))
    for _ in range(4):
        first, second = (bonus.learn({EPISODES: batch}) for bonus in (one, two))
        assert torch.equal(first["mi_estimate"], second["mi_estimate"])
        paid = [bonus(batch, torch.zeros(4, 9, 1), Progress())[0] for bonus in (one, two)]
        assert torch.equal(*paid)


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"agent_state": [0, 3], "surrounding_state": [2, 5]}, "shares numbers with agent_state"),
        ({"scale": 0.0}, "scale"),
        ({"weight": -1.0}, "weight"),
        ({"batch_size": 0}, "batch_size"),
        ({"shuffle": "never"}, "shuffle"),
        ({"agent_state": [0, 1, 2]}, "expects 2 values"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, line):
    with pytest.raises(ConfigError, match=line):
        parse(MutualInformationConfig, options, "bonus")


@pytest.mark.parametrize("part", [(3, 7), (4, 4), (5, 4), (-1, 1)])
def test_parts_that_an_observation_does_not_have_are_refused(part):
    config = MutualInformationConfig(agent_state=(1, 2), surrounding_state=part)
    with pytest.raises(ConfigError, match="is no part of test/one's observations, which have 6"):
        config.check(ONE_AGENT, True)


def test_skill_and_goal_are_no_surroundings():
    skilled = replace(ONE_AGENT, obs_dim=8, skills=3)
    with pytest.raises(ConfigError, match="have 5 numbers without skill and goal"):
        MutualInformationConfig().check(skilled, True)
