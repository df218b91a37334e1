"""What the recipes on QLearner promise beyond test_recipes.py: its controller, mixer and bonus."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from builders import ONE_AGENT, SMALL, VECTORS, random_batch

from marl.algos.values import ValueRecipeConfig
from marl.buffers.samplers import SliceSamplerConfig
from marl.buffers.transitions import TransitionBufferConfig
from marl.errors import ConfigError
from marl.intrinsic.config import BONUSES
from marl.learners.q import QLearner
from marl.nets.agents import MlpConfig
from marl.nets.mixers import MIXERS
from marl.protocols.experience import BATCH, Samples
from marl.protocols.learning import Explainable, SamplingBonus, ScoringBonus
from marl.protocols.loop import Progress
from marl.registry import LEARNERS
from marl.runners.steps import StepRolloutConfig
from marl.single_agent.value.dqn import DqnConfig

# The own numbers and then the skill of an episode, for bonuses that pay for it.
SKILLED = replace(SMALL, name="test/skilled", obs_dim=8, skills=2)
CPU = torch.device("cpu")
LATE = Progress(t_env=10**6, episode=10**5, update=10**5)  # past every warm-up
NAMES = [name for name, recipe in LEARNERS.items() if issubclass(recipe, ValueRecipeConfig)]
CASES = [
    (name, spec)
    for spec in (SMALL, ONE_AGENT)
    for name in NAMES
    if spec is ONE_AGENT or not issubclass(LEARNERS[name], DqnConfig)
]
every_case = pytest.mark.parametrize(
    ("name", "spec"), CASES, ids=[f"{name}-{spec.n_agents}" for name, spec in CASES]
)
every_mixer = pytest.mark.parametrize("mixer", MIXERS.members, ids=lambda cls: cls.kind)
every_bonus = pytest.mark.parametrize("bonus", BONUSES.members, ids=lambda cls: cls.kind)


def recipe_of(name: str) -> ValueRecipeConfig:
    recipe = LEARNERS[name]()
    assert isinstance(recipe, ValueRecipeConfig)
    return recipe


def learner_of(recipe: ValueRecipeConfig, spec=SMALL) -> QLearner:
    torch.manual_seed(0)
    learner = recipe.build(spec, CPU).learner
    assert isinstance(learner, QLearner)
    return learner


def samples_for(learner: QLearner, lengths: list[int]) -> Samples:
    """What an update learns from: four episodes for the learner and for each part."""
    bonus = learner.bonus
    own = bonus.samplers if isinstance(bonus, SamplingBonus) else ()
    whole = {name: random_batch(SKILLED, 4, seed=1, lengths=[9, 5, 3, 1]) for name in own}
    return {BATCH: random_batch(SKILLED, 4, lengths=lengths), **whole}


@every_case
def test_controller_gives_a_value_for_every_action_and_slot(name, spec):
    controller = learner_of(recipe_of(name), spec).controller
    batch = random_batch(spec, 4)
    carry = controller.initial_carry(4)
    values, hidden = controller.step(batch.obs[:, 0], carry)
    assert values.shape == (4, spec.n_agents, spec.n_actions)
    assert hidden.shape == carry["hidden"].shape
    assert controller.unroll(batch).shape == (4, batch.steps + 1, spec.n_agents, spec.n_actions)


@every_case
def test_update_gives_pymarls_metrics(name, spec):
    recipe = recipe_of(name)
    lengths = [9, 5, 3, 1] if recipe.sampler.whole_episodes else [1] * 4
    metrics = learner_of(recipe, spec).update({BATCH: random_batch(spec, 4, lengths=lengths)}, LATE)
    assert {"loss", "grad_norm", "td_error_abs", "q_taken_mean", "target_mean"} <= set(metrics)


@every_case
def test_exploration_is_epsilon(name, spec):
    assert set(recipe_of(name).build(spec, CPU).actor.metrics(LATE)) == {"epsilon"}


@every_case
def test_values_of_an_episode_can_be_explained(name, spec):
    learner = learner_of(recipe_of(name), spec)
    assert isinstance(learner, Explainable)
    channels = learner.explain(random_batch(spec, 1))
    assert channels["q"].shape == (10, spec.n_agents, spec.n_actions)
    assert channels["q_total"].shape == (9,)


@pytest.mark.parametrize("name", NAMES)
def test_continuous_actions_are_refused_with_what_to_choose(name):
    with pytest.raises(ConfigError, match="continuous actions, which have no table of values"):
        recipe_of(name).build(VECTORS, CPU)


@every_bonus
@every_mixer
def test_every_mixer_learns_with_every_bonus(mixer, bonus):
    learner = learner_of(ValueRecipeConfig(mixer=mixer(), bonus=bonus()), SKILLED)
    for update in range(2):
        metrics = learner.update(samples_for(learner, lengths=[9, 5, 3, 1]), LATE)
        assert all(value.isfinite() for value in metrics.values()), update


@every_bonus
def test_bonus_fits_the_bootstrap_whatever_is_learnt_per_step(bonus):
    learner = learner_of(ValueRecipeConfig(bonus=bonus()), SKILLED)
    batch = random_batch(SKILLED, 8, lengths=[9, 5] * 4)
    for width in (1, SKILLED.n_agents):
        bootstrap = torch.randn(8, batch.steps, width)
        paid, metrics = learner.bonus(batch, bootstrap, LATE)
        paid = paid.expand_as(bootstrap)
        assert paid.isfinite().all()
        assert (paid[~batch.filled[..., 0]] == 0).all()
        assert not paid.requires_grad
        assert all(value.ndim == 0 for value in metrics.values())


@every_bonus
def test_a_bonus_finds_its_columns_in_the_layout(bonus):
    agent = ValueRecipeConfig(bonus=bonus()).build(SKILLED, CPU)
    assert isinstance(agent.learner, QLearner)
    for column in agent.learner.bonus.columns:
        assert agent.layout[column.name] == column


@every_bonus
def test_a_bonus_that_needs_whole_episodes_says_so(bonus):
    recipe = ValueRecipeConfig(bonus=bonus())
    recipe.check(SKILLED)
    cut = replace(recipe, sampler=SliceSamplerConfig(length=3))
    refusal = ""
    try:
        cut.check(SKILLED)
    except ConfigError as error:
        refusal = str(error)
    if refusal:
        assert "whole episodes" in refusal
    else:  # it learns from slices too
        learner = learner_of(cut, SKILLED)
        assert learner.update(samples_for(learner, lengths=[1] * 4), LATE)["loss"].isfinite()


@every_bonus
def test_a_bonus_that_draws_whole_episodes_says_what_they_need(bonus):
    steps = ValueRecipeConfig(
        agent=MlpConfig(last_action=False),
        bonus=bonus(),
        rollout=StepRolloutConfig(),
        buffer=TransitionBufferConfig(),
        sampler=SliceSamplerConfig(),
    )
    if bonus.samples_episodes:
        with pytest.raises(ConfigError, match="draws whole episodes, which need"):
            steps.check(SKILLED)
    learner = learner_of(ValueRecipeConfig(bonus=bonus()), SKILLED).bonus
    assert isinstance(learner, SamplingBonus) or not bonus.samples_episodes
    assert isinstance(learner, ScoringBonus) == bonus.scores_episodes
