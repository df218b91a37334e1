"""MUSIC on DDPG: its target by hand, who sees what, and the published variants."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from builders import ONE_AGENT, SMALL, VECTORS

from marl import api
from marl.batch import EpisodeBatch, layout_of
from marl.buffers.informative import InformativeSamplerConfig
from marl.buffers.transitions import TransitionBufferConfig
from marl.encoders.normalised import NormalisedConfig
from marl.errors import ConfigError
from marl.intrinsic.information_and_skills import InformationAndSkillsConfig
from marl.intrinsic.mutual_information.bonus import MutualInformationConfig
from marl.intrinsic.none import NoBonusConfig
from marl.intrinsic.skills import SkillsConfig
from marl.learners.actor_critic.clipped_entropy import ClippedEntropyConfig
from marl.protocols.experience import BATCH
from marl.protocols.loop import Progress
from marl.runners.steps import StepRolloutConfig
from marl.single_agent.actor_critic.music import MusicConfig, MusicSacConfig

CPU = torch.device("cpu")


def transitions(count: int) -> EpisodeBatch:
    rng = torch.Generator().manual_seed(5)
    batch = EpisodeBatch.zeros(layout_of(VECTORS), count, 1)
    batch.obs.copy_(torch.randn(batch.obs.shape, generator=rng))
    batch.actions.copy_(torch.rand(batch.actions.shape, generator=rng))
    batch.reward.copy_(torch.randn(batch.reward.shape, generator=rng))
    batch.terminated.copy_(torch.rand(batch.terminated.shape, generator=rng) < 0.25)
    batch.filled.fill_(True)
    return batch


def learner_of(weight: float = 1.0, **options):
    torch.manual_seed(0)
    config = MusicConfig(bonus=MutualInformationConfig(weight=weight))
    learner = (
        replace(config, learner=replace(config.learner, **options)).build(VECTORS, CPU).learner
    )
    for parameter in learner.target_critics.parameters():
        parameter.add_(0.1 * torch.randn_like(parameter))
    return learner


@pytest.mark.parametrize(("reward_weight", "weight"), [(0.0, 1.0), (1.0, 0.5), (1.0, 0.0)])
def test_the_target_is_composed_as_printed_of_what_each_part_sees(reward_weight, weight):
    """The bonus of what the environment shows, policy and critic of it in standard deviations."""
    learner, batch = learner_of(weight, reward_weight=reward_weight), transitions(64)
    learner.encoder.learn(batch)
    seen = learner.encoder.encoded(batch)
    x, y, network = batch.obs[..., 0, 0:3], batch.obs[..., 0, 3:6], learner.bonus.network
    t = {(i, j): network(x[:, i], y[:, j]) for i in (0, 1) for j in (0, 1)}  # [B]
    estimate = (t[0, 0] + t[1, 1]) / 2 - ((t[0, 1].exp() + t[1, 0].exp()) / 2).log()
    bonus = weight * ((5000.0 * estimate).clamp(0.0, 1.0) - 1.0)
    actions = learner.improvement.target_policy.actions(seen, slice(1, None))
    following = learner.target_critics(seen.obs[:, 1:], actions)[0]
    alive = 1.0 - batch.terminated.float()
    target = reward_weight * batch.reward + bonus[:, None, None] + 0.98 * alive * following
    values = learner.critics(seen.obs[:, :-1], batch.actions)[0]
    loss, _ = learner.critic_loss(seen, Progress(), batch)
    # the estimate is a difference of nearly equal numbers, times 5000
    assert loss.item() == pytest.approx((values - target).square().mean().item(), rel=1e-3)
    if weight == 0.0:
        assert loss.item() == pytest.approx((values - target).square().mean().item(), rel=1e-6)


def test_an_update_learns_from_both_samples():
    learner, batch = learner_of(), transitions(32)
    whole = EpisodeBatch.zeros(batch.layout, 4, 9)
    whole.obs.copy_(torch.randn(whole.obs.shape, generator=torch.Generator().manual_seed(1)))
    whole.filled.fill_(True)
    before = [parameter.clone() for parameter in learner.bonus.parameters]
    metrics = learner.update({BATCH: batch, "information": whole}, Progress())
    names = {"mi_estimate", "mi_transition", "mi_reward", "mi_clipped_low", "mi_clipped_high"}
    assert names <= metrics.keys()
    after = learner.bonus.parameters
    assert any(not torch.equal(one, two) for one, two in zip(before, after, strict=True))
    assert learner.encoder.count.item() == 64.0  # of the transitions alone


# name: weight of the reward, of the information, whether it pays for skills, goals
VARIANTS = {
    "music": (0.0, 1.0, False, "hidden"),
    "music_sac": (0.0, 1.0, False, "hidden"),
    "music_r": (1.0, 1.0, False, "shown"),
    "music_t": (1.0, 1.0, False, "shown"),
    "music_f": (1.0, None, False, "shown"),
    "music_p": (1.0, 0.0, False, "shown"),
    "diayn": (0.0, None, True, "hidden"),
    "music_diayn": (0.0, 1.0, True, "hidden"),
}


@pytest.mark.parametrize("name", VARIANTS)
def test_the_published_variants(name):
    reward, information, skills, goals = VARIANTS[name]
    recipe = api.plan(name, "point_push").recipe
    assert recipe.learner.reward_weight == reward
    assert recipe.goals == goals
    bonus = recipe.bonus
    if isinstance(bonus, InformationAndSkillsConfig):
        assert (bonus.mutual_information.weight, bonus.skills.scale) == (1.0, 0.5)
    elif skills:
        assert isinstance(bonus, SkillsConfig)
        assert (bonus.weight, bonus.scale, bonus.hidden_dims) == (1.0, 0.5, (128, 128, 128))
    elif information is None:
        assert isinstance(bonus, NoBonusConfig)
    else:
        assert isinstance(bonus, MutualInformationConfig)
        assert (bonus.weight, bonus.scale, bonus.hidden_dim) == (information, 5000.0, 128)
        assert (bonus.agent_state, bonus.surrounding_state) == ((0, 3), (3, 6))
    assert isinstance(recipe.sampler, InformativeSamplerConfig) == (name == "music_p")
    learner, noise = recipe.learner, recipe.noise
    assert (learner.gamma, learner.tau, learner.target_delay) == (0.98, 0.05, 40)
    assert learner.action_penalty == 1.0
    assert learner.actor_optimizer.lr == learner.critic_optimizer.lr == 0.001
    assert (noise.std, noise.random_share) == (0.2, 0.3)
    assert recipe.encoder == NormalisedConfig()
    assert recipe.updates.per_step * 100 == pytest.approx(40)  # for two episodes of 50 steps


def test_the_published_soft_actor_is_a_kind_of_learner():
    plan = api.plan("music_sac", "point_push", learner={"kind": "clipped_entropy"})
    assert plan.recipe.learner == ClippedEntropyConfig()
    assert plan.recipe.learner.entropy_weight == 0.2
    assert plan.recipe.learner.entropy_scale == 0.02


@pytest.mark.parametrize("recipe", [MusicConfig(), MusicSacConfig()], ids=["ddpg", "sac"])
def test_what_does_not_go_together_is_refused_in_one_line(recipe):
    steps = replace(recipe, rollout=StepRolloutConfig(), buffer=TransitionBufferConfig())
    cases = [
        (recipe, SMALL, "discrete actions"),
        (steps, VECTORS, "draws whole episodes, which need"),
        (replace(recipe, bonus=SkillsConfig()), VECTORS, "set skills=5, say"),
        (recipe, replace(VECTORS, obs_dim=5), "is no part of"),
        (replace(recipe, goals="tests"), VECTORS, "goals: tests hides goals"),
    ]
    for refused, spec, line in cases:
        with pytest.raises(ConfigError, match=line) as refusal:
            refused.check(spec)
        assert "\n" not in str(refusal.value)
    assert ONE_AGENT.skills == 0
    recipe.check(VECTORS)
