"""DIAYN's bonus by hand, and its sum with MUSIC's."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from builders import ONE_AGENT, random_batch

from marl.batch import EpisodeBatch
from marl.errors import ConfigError
from marl.intrinsic.information_and_skills import InformationAndSkillsConfig
from marl.intrinsic.mutual_information.bonus import EPISODES
from marl.intrinsic.skills import SkillBonus, SkillsConfig
from marl.protocols.experience import BATCH
from marl.protocols.learning import SamplingBonus
from marl.protocols.loop import Progress

CPU = torch.device("cpu")
SKILLED = replace(ONE_AGENT, obs_dim=11, state_dim=12, skills=5)


def skilled_batch(size: int, lengths: list[int] | None = None) -> EpisodeBatch:
    """Episodes of skill 0, 1 ... 4, 0 ... whose fourth number says which."""
    batch = random_batch(SKILLED, size, lengths=lengths)
    skill = torch.arange(size) % 5
    batch.obs[..., 6:] = torch.eye(5)[skill][:, None, None]
    batch.obs[..., 3] = skill[:, None, None] / 5.0
    return batch


def bonus_of(**options) -> SkillBonus:
    torch.manual_seed(0)
    return SkillsConfig(**options).build(SKILLED, 0.98, CPU)


def test_its_reward_is_the_clipped_log_probability_of_the_skill():
    bonus, batch = bonus_of(weight=0.5, scale=0.7), skilled_batch(5)
    reward, metrics = bonus(batch, torch.zeros(5, 9, 1), Progress())
    logits = bonus.network(batch.obs[:, 1:, 0, 3:6])  # [B,T,Z]
    skills = torch.arange(5)[:, None].expand(5, 9)
    log_q = -torch.nn.functional.cross_entropy(logits.transpose(1, 2), skills, reduction="none")
    by_hand = 0.5 * (0.7 * log_q).clamp(-1.0, 0.0)
    torch.testing.assert_close(reward[..., 0], by_hand, rtol=0, atol=1e-6)
    assert metrics["skill_reward"].item() == pytest.approx(by_hand.mean().item(), abs=1e-6)


def test_it_learns_to_tell_skills_apart():
    bonus, batch = bonus_of(), skilled_batch(40)
    found = [bonus.learn({BATCH: batch}) for _ in range(300)]
    assert found[0]["skill_accuracy"] < 0.5
    assert found[-1]["skill_accuracy"] > 0.95
    reward, _ = bonus(batch, torch.zeros(40, 9, 1), Progress())
    assert reward.mean() > -0.2


def test_padding_is_paid_nothing():
    reward, _ = bonus_of()(skilled_batch(2, [9, 4]), torch.zeros(2, 9, 1), Progress())
    assert (reward[1, 4:] == 0.0).all()
    assert (reward[1, :4] < 0.0).all()


def test_an_environment_without_skills_is_refused_in_one_line():
    with pytest.raises(ConfigError, match=r"test/one has 0; set skills=5, say") as refusal:
        SkillsConfig().check(ONE_AGENT, True)
    assert "\n" not in str(refusal.value)
    with pytest.raises(ConfigError, match="is no part of"):
        SkillsConfig(surrounding_state=(5, 7)).check(SKILLED, True)
    SkillsConfig().check(SKILLED, True)


def test_the_two_bonuses_add_up_and_both_learn_and_are_saved():
    torch.manual_seed(0)
    config = InformationAndSkillsConfig()
    config.check(SKILLED, True)
    both = config.build(SKILLED, 0.98, CPU)
    assert isinstance(both, SamplingBonus)
    assert list(both.samplers) == [EPISODES]
    batch, nothing = skilled_batch(5), torch.zeros(5, 9, 1)
    learnt = both.learn({BATCH: batch, EPISODES: batch})
    assert {"mi_estimate", "skill_loss"} <= learnt.keys()
    total, metrics = both(batch, nothing, Progress())
    one, _ = both.information(batch, nothing, Progress())
    other, _ = both.skills(batch, nothing, Progress())
    torch.testing.assert_close(total, one + other)
    assert {"mi_reward", "skill_reward"} <= metrics.keys()
    again = config.build(SKILLED, 0.98, CPU)
    again.load_state_dict(both.state_dict())
    torch.testing.assert_close(again(batch, nothing, Progress())[0], total)
    alone = bonus_of()
    assert alone.start_from(both.state_dict())
    torch.testing.assert_close(alone(batch, nothing, Progress())[0], other)
