"""BEAR: targets, the actor's loss, the dual variable and acting, by hand on small batches."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from torch import Tensor
from torch.distributions import Normal, TanhTransform, TransformedDistribution

from marl.batch import EpisodeBatch, layout_of
from marl.controllers.candidates import CandidateActor
from marl.controllers.squashed import Gauss
from marl.learners.actor_critic.learner import ActorCriticLearner
from marl.learners.actor_critic.reductions import soft_clipped
from marl.learners.actor_critic.support import (
    KlConfig,
    MmdConfig,
    SupportConfig,
    SupportImprovement,
)
from marl.learners.divergences import mmd
from marl.nets.vae import VaeConfig
from marl.protocols.acting import ObservationTensors
from marl.protocols.experience import BATCH
from marl.protocols.loop import Progress
from marl.single_agent.offline.bcq import BcqConfig
from marl.single_agent.offline.bear import BearConfig
from marl.spec import Continuous, EnvSpec

CPU = torch.device("cpu")
BOUNDS = Continuous((-2.0, -1.0), (2.0, 3.0))
SPEC = EnvSpec("test/continuous", 1, BOUNDS, 4, 4, 50)
TEAM = EnvSpec("test/team", 3, BOUNDS, 4, 4, 50)
MIDDLE, HALF = torch.tensor([0.0, 1.0]), torch.tensor([2.0, 2.0])
LATER = Progress(update=10)


def transitions(count: int, spec: EnvSpec = SPEC) -> EpisodeBatch:
    rng = torch.Generator().manual_seed(5)
    batch = EpisodeBatch.zeros(layout_of(spec), count, 1)
    batch.obs.copy_(torch.randn(batch.obs.shape, generator=rng))
    batch.actions.copy_(torch.rand(batch.actions.shape, generator=rng))
    batch.reward.copy_(torch.randn(batch.reward.shape, generator=rng))
    batch.terminated.copy_(torch.rand(batch.terminated.shape, generator=rng) < 0.25)
    batch.filled.fill_(True)
    return batch


def learner_of(config: SupportConfig, spec: EnvSpec = SPEC) -> ActorCriticLearner:
    """The recipe's learner with small networks; its targets differ from what they follow."""
    torch.manual_seed(0)
    recipe = BearConfig(learner=config, vae=VaeConfig(hidden_dims=(32, 32)))
    learner = recipe.build(spec, CPU).learner
    assert isinstance(learner, ActorCriticLearner)
    improvement = learner.improvement
    assert isinstance(improvement, SupportImprovement)
    for net in (improvement.target_policy, learner.target_critics):
        for parameter in net.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return learner


def draws(learner: ActorCriticLearner, *shapes: tuple[int, ...]) -> list[Tensor]:
    """The normal numbers that the learner draws next."""
    rng = torch.Generator()
    rng.set_state(learner.rng.get_state())
    return [torch.randn(shape, generator=rng) for shape in shapes]


def test_the_soft_mix_of_one_and_three_is_one_and_a_half():
    assert soft_clipped(torch.tensor([[1.0], [3.0]]), 0.75).tolist() == [1.5]


def test_of_equal_critics_the_soft_mix_is_each_of_them():
    values = torch.randn(1, 7).expand(2, 7)
    torch.testing.assert_close(soft_clipped(values, 0.75), values[0])


def test_the_critics_loss_is_that_of_the_equation():
    learner, batch = learner_of(SupportConfig()), transitions(16)
    (noise,) = draws(learner, (10, 16, 1, 1, 2))
    loss, _ = learner.critic_loss(batch, Progress())
    gauss = learner.improvement.target_policy.at(batch, slice(1, None))
    after, best = batch.obs[:, 1:], []
    for draw in noise:
        actions = MIDDLE + HALF * torch.tanh(gauss.mean + gauss.log_std.exp() * draw)
        one, two = learner.target_critics(after, actions)
        best.append(0.75 * torch.minimum(one, two) + 0.25 * torch.maximum(one, two))
    following = torch.stack(best).amax(0)
    y = batch.reward + 0.99 * (1 - batch.terminated.float()) * following
    one, two = learner.critics(batch.obs[:, :-1], batch.actions)
    by_hand = ((one - y) ** 2).mean() + ((two - y) ** 2).mean()
    assert loss.item() == pytest.approx(by_hand.item(), rel=1e-5)


def actors_loss(learner: ActorCriticLearner, batch: EpisodeBatch, progress: Progress) -> Tensor:
    """As `improve` descends it, without the step."""
    _, _, apart, worth = learner.improvement.terms(batch, learner.critics, progress, learner.rng)
    return (learner.improvement.log_dual.exp() * apart - worth).mean()


@pytest.mark.parametrize("squashed", [False, True])
@pytest.mark.parametrize("kernel", ["laplacian", "gaussian"])
def test_the_actors_loss_is_that_of_the_equation(kernel, squashed):
    divergence = MmdConfig(kernel=kernel, sigma=3.0, squashed=squashed)
    learner = learner_of(SupportConfig(warm_up=10, dual=2.0, divergence=divergence))
    batch, improvement = transitions(16), learner.improvement
    latent, noise = draws(learner, (4, 16, 1, 1, 4), (4, 16, 1, 1, 2))
    before = batch.obs[:, :-1]
    data = improvement.behaviour.vae.decode(before, latent.clamp(-0.5, 0.5))
    gauss = improvement.policy.at(batch, slice(0, -1))
    own = gauss.mean + gauss.log_std.exp() * noise.clamp(-0.5, 0.5)
    sides = (data.tanh(), own.tanh()) if squashed else (data, own)
    distance = mmd(kernel, 3.0, *sides)
    values = torch.stack(
        [learner.critics(before, MIDDLE + HALF * each.tanh()) for each in own]
    ).mean(0)
    by_hand = (2.0 * distance - values.amin(0)).mean()
    assert actors_loss(learner, batch, LATER).item() == pytest.approx(by_hand.item(), rel=1e-5)


def test_in_the_warm_up_the_actor_keeps_to_the_data_alone():
    learner, batch = learner_of(SupportConfig(warm_up=10, dual=2.0)), transitions(16)
    apart = []
    for progress in (Progress(update=9), LATER):
        rng = learner.rng.get_state()
        found = learner.improvement.terms(batch, learner.critics, progress, learner.rng)
        learner.rng.set_state(rng)
        apart.append(found[2])
        assert isinstance(found[3], float) == (progress.update < 10)
    assert torch.equal(*apart)


def test_the_warm_up_counts_updates():
    learner, batch = learner_of(SupportConfig(warm_up=3)), transitions(16)
    asked = []
    values_of_each = type(learner.critics).values_of_each

    def counted(critics, batch, slots, actions):
        asked.append((slots, progress.update))
        return values_of_each(critics, batch, slots, actions)

    learner.critics.values_of_each = counted.__get__(learner.critics)
    for update in range(5):
        progress = Progress(update=update)
        learner.update({BATCH: batch}, progress)
    assert asked == [(slice(0, -1), 3), (slice(0, -1), 4)]


@pytest.mark.parametrize(("climb", "worth"), [("least", 1.0), ("greatest", 5.0), ("mean", 3.0)])
def test_the_actor_climbs_the_version_that_is_asked(climb, worth):
    improvement = learner_of(SupportConfig(climb=climb)).improvement
    values = torch.tensor([[1.0], [5.0], [3.0]])
    assert improvement.worth(values).tolist() == [worth]


def test_what_critics_disagree_on_is_worth_less():
    improvement = learner_of(SupportConfig(climb="mean", deviation=3.0)).improvement
    found = improvement.worth(torch.tensor([[1.0], [5.0]]))
    assert found.item() == pytest.approx(3.0 - 3.0 * math.sqrt(4.0 + 1e-6))


def test_critics_that_agree_have_a_gradient():
    improvement = learner_of(SupportConfig(deviation=3.0)).improvement
    values = torch.full((2, 4), 1.5, requires_grad=True)
    improvement.worth(values).sum().backward()
    assert torch.isfinite(values.grad).all()


def test_the_divergence_by_likelihood_is_that_of_torch():
    rng = torch.Generator().manual_seed(0)
    gauss = Gauss(torch.randn(5, 1, 2, generator=rng), torch.full((5, 1, 2), -0.3))
    data = 0.7 * torch.randn(4, 5, 1, 2, generator=rng)
    squashed = TransformedDistribution(
        Normal(gauss.mean.double(), gauss.log_std.double().exp()), TanhTransform(cache_size=1)
    )
    by_hand = -squashed.log_prob(data.double().tanh()).sum(-1).mean(0)
    found = KlConfig().measure(data, data, gauss)
    torch.testing.assert_close(found.double(), by_hand, atol=1e-5, rtol=1e-6)


@pytest.mark.parametrize(("threshold", "sign"), [(0.0, 1), (5.0, -1)])
def test_the_dual_variable_rises_above_the_threshold_and_falls_below(threshold, sign):
    divergence = MmdConfig(threshold=threshold)
    learner, batch = learner_of(SupportConfig(divergence=divergence)), transitions(16)
    for update in range(3):
        learner.update({BATCH: batch}, Progress(update=update))
    assert math.copysign(1, learner.improvement.log_dual.item()) == sign


def test_one_step_of_the_dual_variable_is_adams():
    improvement = learner_of(SupportConfig()).improvement
    improvement.move_dual(torch.tensor(0.55))
    # Adam's first step is its rate in the gradient's direction: -exp(0) * (0.55 - 0.05)
    assert improvement.log_dual.grad.item() == pytest.approx(-0.5)
    assert improvement.log_dual.item() == pytest.approx(0.001)


@pytest.mark.parametrize(("distance", "bound"), [(10.0, 0.0015), (-10.0, -0.0005)])
def test_the_dual_variable_stays_between_its_bounds(distance, bound):
    config = SupportConfig(log_dual_low=-0.0005, log_dual_high=0.0015)
    improvement = learner_of(config).improvement
    for _ in range(3):
        improvement.move_dual(torch.tensor(distance))
    assert improvement.log_dual.item() == pytest.approx(bound)


def test_a_fixed_dual_variable_stays_and_is_no_parameter():
    learner = learner_of(SupportConfig(dual=100.0, dual_optimizer=None))
    assert all(one is not learner.improvement.log_dual for one in learner.parameters)
    metrics = learner.update({BATCH: transitions(16)}, LATER)
    assert metrics["dual"].item() == pytest.approx(100.0)


def test_a_dual_variable_beyond_its_bounds_is_refused():
    with pytest.raises(ValueError, match=r"dual: log 1e-05 is -11\.5 and not within"):
        SupportConfig(dual=1e-5)


def test_the_actors_and_the_duals_step_leave_critics_and_model_alone():
    learner, batch = learner_of(SupportConfig(warm_up=0)), transitions(16)
    improvement = learner.improvement
    others = (learner.critics, improvement.behaviour.vae)
    before = copy.deepcopy([net.state_dict() for net in others])
    improvement.improve(batch, learner.critics, LATER, learner.rng)
    for net, state in zip(others, before, strict=True):
        assert all(torch.equal(tensor, state[key]) for key, tensor in net.state_dict().items())
        assert all(parameter.grad is None for parameter in net.parameters())


def test_padding_counts_for_nothing():
    learner, batch = learner_of(SupportConfig(warm_up=0)), transitions(16)
    batch.filled[8:] = False
    terms = learner.improvement.terms(batch, learner.critics, LATER, learner.rng)
    metrics = learner_of(SupportConfig(warm_up=0)).improvement.improve(
        batch, learner.critics, LATER, torch.Generator().manual_seed(0)
    )
    assert torch.isfinite(metrics["actor_loss"])
    assert terms[2].shape == (16, 1, 1)
    garbage = batch.map(torch.clone)
    garbage.obs[8:], garbage.reward[8:], garbage.actions[8:] = 1e6, 1e6, 1.0
    losses = [
        learner_of(SupportConfig(warm_up=0)).update({BATCH: each}, LATER)
        for each in (batch, garbage)
    ]
    for key in ("loss", "actor_loss", "mmd", "vae_squares", "vae_divergence"):
        assert losses[0][key].item() == pytest.approx(losses[1][key].item(), rel=1e-6), key


def test_a_team_is_compared_agent_by_agent():
    learner, batch = learner_of(SupportConfig(warm_up=0), TEAM), transitions(16, TEAM)
    _, _, apart, worth = learner.improvement.terms(batch, learner.critics, LATER, learner.rng)
    assert apart.shape == worth.shape == (16, 1, 3)


def test_many_actions_at_once_are_worth_what_each_is_alone():
    learner, batch = learner_of(SupportConfig(), TEAM), transitions(16, TEAM)
    actions = torch.randn(5, 16, 1, 3, 2)
    together = learner.critics.values(batch, slice(1, None), actions)
    one_by_one = learner.critics.values_of_each(batch, slice(1, None), actions)
    torch.testing.assert_close(one_by_one, together)


def test_of_the_candidates_the_first_critic_picks_the_best():
    torch.manual_seed(0)
    agent = BearConfig(vae=VaeConfig(hidden_dims=(8,))).build(TEAM, CPU)
    actor = agent.actor
    assert isinstance(actor, CandidateActor)
    obs = torch.randn(6, 3, 4)
    shown = ObservationTensors(obs, torch.zeros(6, 4), None)
    for greedy in (True, False):
        rngs = [torch.Generator().manual_seed(1) for _ in range(2)]
        acted = actor.act(shown, actor.initial_carry(6), Progress(), rngs[0], greedy)
        offered, _ = actor.proposals.propose(
            obs, actor.initial_carry(6), None if greedy else rngs[1]
        )
        assert offered.shape == (10, 6, 3, 2)
        values = torch.stack([agent.learner.critics(obs, each)[0] for each in offered])
        chosen = agent.learner.critics(obs, acted.actions)[0]
        torch.testing.assert_close(chosen, values.amax(0))


@pytest.mark.parametrize("recipe", [BearConfig, BcqConfig])
def test_a_greedy_actor_comes_back_with_the_learners_state(recipe):
    agents = []
    for seed in range(2):
        torch.manual_seed(seed)
        agents.append(recipe(vae=VaeConfig(hidden_dims=(8,))).build(TEAM, CPU))
    obs = torch.randn(6, 3, 4)
    shown = ObservationTensors(obs, torch.zeros(6, 4), None)

    def actions() -> list[Tensor]:
        return [
            agent.actor.act(
                shown, agent.actor.initial_carry(6), Progress(), torch.Generator(), greedy=True
            ).actions
            for agent in agents
        ]

    assert not torch.equal(*actions())
    agents[1].learner.load_state_dict(agents[0].learner.state_dict())
    assert torch.equal(*actions())
