"""QLearner's options: double Q, Huber's loss, n steps, weights, and all of them together."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from builders import ONE_AGENT, SMALL, random_batch

from marl.algos.iql import IqlConfig
from marl.algos.lagma import LagmaConfig
from marl.algos.qmix import QmixConfig
from marl.algos.vdn import VdnConfig
from marl.batch import Column, EpisodeBatch
from marl.buffers.prioritised import PrioritisedSamplerConfig
from marl.buffers.samplers import SliceSamplerConfig
from marl.controllers.exploration import greedy_actions
from marl.errors import ConfigError
from marl.intrinsic.lagma.bonus import LagmaBonusConfig
from marl.learners.constrained import BcqConstraintConfig, NoConstraintConfig
from marl.learners.q import QLearnerConfig
from marl.learners.targets import huber
from marl.nets.dueling import ValueMlpConfig
from marl.nets.mixers import IndependentConfig, QmixMixerConfig, VdnMixerConfig
from marl.protocols.experience import WEIGHT
from marl.protocols.learning import Weighing
from marl.protocols.loop import Progress
from marl.single_agent.value.dqn import DqnConfig
from marl.spec import Discrete

CPU = torch.device("cpu")


def test_the_online_network_chooses_and_the_target_network_values():
    """Q(s') = [1, 3], Q_target(s') = [2, 1.5], r = 1, gamma = 0.9."""
    spec = replace(ONE_AGENT, action=Discrete(2))
    batch = random_batch(spec, 1, lengths=[1])
    batch.reward.fill_(1.0)
    batch.terminated.fill_(False)
    batch.avail.fill_(True)
    for double_q, expected in ((True, 2.35), (False, 2.8)):
        config = QLearnerConfig(gamma=0.9, double_q=double_q)
        learner = DqnConfig(learner=config).build(spec, CPU).learner
        for controller, values in (
            (learner.controller, [1.0, 3.0]),
            (learner.target_controller, [2.0, 1.5]),
        ):
            last = controller.net.layers[-1]
            torch.nn.init.zeros_(last.weight)
            last.bias.data.copy_(torch.tensor(values))
        _, metrics = learner.loss(batch, Progress())
        assert metrics["target_mean"].item() == pytest.approx(expected)


def test_hubers_loss_is_half_the_square_and_then_a_line():
    assert huber(torch.tensor([0.5, -0.5, 3.0, -3.0]), 1.0).tolist() == [0.125, 0.125, 2.5, 2.5]
    assert huber(torch.tensor([3.0]), 2.0).item() == 4.0
    assert huber(torch.tensor([1.5]), 2.0).item() == 0.5 * 1.5**2


@pytest.mark.parametrize("recipe", [IqlConfig, VdnConfig, QmixConfig])
def test_with_a_large_delta_hubers_loss_is_half_the_squared_one(recipe):
    batch = random_batch(SMALL, 4, lengths=[9, 5, 3, 1])
    losses, gradients = [], []
    for config in (QLearnerConfig(), QLearnerConfig(loss="huber", huber_delta=1e6)):
        torch.manual_seed(0)
        learner = recipe(learner=config).build(SMALL, CPU).learner
        loss, _ = learner.loss(batch, Progress())
        losses.append(loss.item())
        gradients.append(torch.autograd.grad(loss, learner.parameters, allow_unused=True))
    assert losses[1] == pytest.approx(losses[0] / 2, rel=1e-5)
    for squared, half in zip(*gradients, strict=True):
        assert torch.allclose(half, squared / 2, atol=1e-6)


def test_a_bound_without_hubers_loss_is_refused():
    with pytest.raises(ValueError, match=r"it shapes learner\.loss=huber alone"):
        QLearnerConfig(huber_delta=2.0)


SLICES = SliceSamplerConfig(length=3)
PERCEPTRON = ValueMlpConfig(last_action=False)


@pytest.mark.parametrize("mixer", [IndependentConfig(), VdnMixerConfig(), QmixMixerConfig()])
@pytest.mark.parametrize("ends", [False, True])
def test_n_step_targets_have_n_rewards_and_the_value_after_them(mixer, ends):
    """r = 1, 2, 3 with gamma 0.9: 5.23 and 0.729 of the next value; an end at index 1: 2.8."""
    recipe = IqlConfig(
        agent=PERCEPTRON,
        mixer=mixer,
        sampler=SLICES,
        learner=QLearnerConfig(gamma=0.9, n_step=3),
    )
    torch.manual_seed(0)
    learner = recipe.build(SMALL, CPU).learner
    batch = random_batch(SMALL, 1, lengths=[2 if ends else 3])
    batch.reward[0, :, 0] = torch.tensor([1.0, 2.0, 3.0][: batch.steps])
    batch.terminated[0, -1, 0] = ends
    if ends:  # as a slice of three steps that pads past the end
        wide = EpisodeBatch.zeros(batch.layout, 1, 3)
        for name, column in batch.layout.items():
            into, values = wide[name], batch[name]
            (into if column.level == "episode" else into[:, : values.shape[1]]).copy_(values)
        batch = wide
    folded = learner.transitions(batch)
    assert folded.steps == 1
    chosen = learner.controller.unroll(batch)
    best = greedy_actions(chosen, batch.avail)
    after = learner.target_controller.unroll(batch).gather(-1, best[..., None])[..., 0]
    value = learner.target_mixer(after, batch.state)[:, 3]  # [1,G]
    expected = 2.8 + 0 * value if ends else 5.23 + 0.729 * value
    _, metrics = learner.loss(folded, Progress())
    assert metrics["target_mean"].item() == pytest.approx(expected.mean().item() / 3, abs=1e-5)


def test_one_step_is_the_plain_learner_bit_for_bit():
    batch = random_batch(SMALL, 4, lengths=[9, 5, 3, 1])
    learner = QmixConfig().build(SMALL, CPU).learner
    assert learner.transitions(batch) is batch


@pytest.mark.parametrize(
    ("recipe", "line"),
    [
        (IqlConfig(), "learner.n_step=3 needs sampler.kind=slices"),
        (IqlConfig(agent=PERCEPTRON, sampler=SliceSamplerConfig(length=2)), "set sampler.length=3"),
        (IqlConfig(sampler=SLICES), "of which agent.kind=rnn can't remember"),
        (
            IqlConfig(agent=PERCEPTRON, sampler=PrioritisedSamplerConfig(of="episodes")),
            "needs sampler.kind=slices",
        ),
        (
            IqlConfig(agent=PERCEPTRON, sampler=SLICES, bonus=LagmaBonusConfig()),
            "bonus.kind=lagma pays single steps",
        ),
    ],
)
def test_n_steps_are_refused_where_rows_do_not_have_them(recipe, line):
    config = QLearnerConfig(n_step=3)
    with pytest.raises(ConfigError, match=line):
        replace(recipe, learner=config).check(SMALL)


def test_n_steps_and_lambda_exclude_each_other():
    with pytest.raises(ValueError, match="set td_lambda=0 or n_step=1"):
        QLearnerConfig(n_step=2, td_lambda=0.5)


@pytest.mark.parametrize("recipe", [IqlConfig(), QmixConfig(), LagmaConfig()])
def test_a_rows_weight_weighs_its_loss_and_its_error_is_reported(recipe):
    torch.manual_seed(0)
    learner = recipe.build(SMALL, CPU).learner
    batch = random_batch(SMALL, 3, lengths=[9, 5, 1])
    alone = []  # each row's loss by its steps
    for row in range(3):
        loss, metrics = learner.loss(batch.rows(row, row + 1), Progress())
        alone.append((loss.item(), metrics["td_error_abs"].item()))
    weight = torch.tensor([0.5, 1.0, 0.25])
    columns = {**batch.columns, WEIGHT: weight}
    layout = batch.layout.with_columns([Column(WEIGHT, "episode", (), torch.float32)])
    loss, _ = learner.loss(EpisodeBatch(layout, columns), Progress())
    steps = (9, 5, 1)
    expected = sum(w * n * one for w, n, (one, _) in zip(weight, steps, alone, strict=True)) / 15
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    assert learner.row_errors.tolist() == pytest.approx([size for _, size in alone], rel=1e-5)
    assert isinstance(learner, Weighing)


FLAGS = {
    "learner": QLearnerConfig(n_step=3, loss="huber", target_update_unit="updates"),
    "agent": ValueMlpConfig(agent_id=False, last_action=False, dueling=True),
    "sampler": PrioritisedSamplerConfig(batch_size=8, length=3),
}


@pytest.mark.parametrize("constraint", [NoConstraintConfig(), BcqConstraintConfig()])
def test_all_flags_together_are_the_same_for_one_agent_of_any_recipe(constraint):
    """VDN's sum of one value is that value: DQN, IQL and VDN learn the same, and draw the same."""
    found = []
    for recipe in (DqnConfig, IqlConfig, VdnConfig):
        torch.manual_seed(0)
        agent = recipe(**FLAGS, constraint=constraint).build(ONE_AGENT, CPU)
        agent.buffer.add(random_batch(ONE_AGENT, 6, layout=agent.layout))
        rng, metrics = torch.Generator().manual_seed(0), []
        for update in range(5):
            samples = agent.sampler.sample(agent.buffer, rng)
            metrics.append(agent.learner.update(samples, Progress(update=update)))
            agent.feedback.learnt(samples, agent.learner.row_errors)
        found.append((metrics, agent.sampler.priorities))
    for metrics, priorities in found[1:]:
        assert metrics == found[0][0]
        assert (priorities == found[0][1]).all()
