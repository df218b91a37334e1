"""What every learner in the registry promises, whatever it learns and from what.

A recipe is asked on each of `SPECS` that it does not refuse. Experience comes from its own actor
through its own way of collecting, in an environment of random numbers.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import pytest
import torch
from builders import ONE_AGENT, SMALL, TEAM_OF_VECTORS, VECTORS, NoiseEnv, random_batch

from marl import seeding
from marl.algos.agent import Agent
from marl.batch import EpisodeBatch, layout_of
from marl.errors import ConfigError
from marl.protocols.acting import Acted, Behaviour, ObservationTensors
from marl.protocols.experience import Samples
from marl.protocols.loop import Progress
from marl.registry import LEARNERS
from marl.runners.stopwatch import Stopwatch
from marl.seeding import EpisodeSeeds
from marl.spec import Discrete, EnvSpec

CPU = torch.device("cpu")
NUM_ENVS = 16
FRESH = 100  # collections for one update, which then come again and again
MOST_ROUNDS = 20_000  # ... until a first update is given up
LATE = Progress(t_env=10**6, episode=10**5, update=10**5)  # past every warm-up
SPECS = (SMALL, ONE_AGENT, VECTORS, TEAM_OF_VECTORS)


def suits(name: str, spec: EnvSpec) -> bool:
    try:
        LEARNERS[name]().check(spec)
    except ConfigError:
        return False
    return True


CASES = [(name, spec) for name in LEARNERS for spec in SPECS if suits(name, spec)]
ids = [f"{name}-{spec.name.removeprefix('test/')}" for name, spec in CASES]
every_learner = pytest.mark.parametrize(("name", "spec"), CASES, ids=ids)


def build(name: str, spec: EnvSpec) -> Agent:
    torch.manual_seed(0)
    return LEARNERS[name]().build(spec, CPU)


@dataclass
class Student:
    """An agent that learns in an environment of random numbers."""

    agent: Agent
    spec: EnvSpec

    def __post_init__(self) -> None:
        agent = self.agent
        env = NoiseEnv(self.spec, NUM_ENVS)
        self.runner = agent.rollout.build(env, agent.layout, CPU, Stopwatch())
        self.seeds = EpisodeSeeds(0, seeding.TRAIN_EPISODES)
        self.behaviour = Behaviour(agent.actor, rng=torch.Generator().manual_seed(1))
        self.rng = torch.Generator().manual_seed(2)

    def samples(self) -> Samples:
        """What one update would learn from; collects until there is enough for that."""
        sampler, buffer = self.agent.sampler, self.agent.buffer
        collected: list[EpisodeBatch] = []
        for count in range(MOST_ROUNDS):
            if sampler.ready(buffer):
                return sampler.sample(buffer, self.rng)
            if count < FRESH:
                rollout = self.runner.collect(self.behaviour, self.seeds)
                collected.append(rollout.batch.map(torch.clone))
            buffer.add(collected[count % FRESH])
        raise AssertionError("there never was enough for an update")


def observed(spec: EnvSpec, rows: int) -> ObservationTensors:
    batch = random_batch(spec, rows, seed=3)
    avail = batch.avail[:, 0] if isinstance(spec.action, Discrete) else None
    return ObservationTensors(batch.obs[:, 0], batch.state[:, 0], avail)


def copied(values: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in values.items()}


def assert_equal(one: Acted, other: Acted) -> None:
    assert torch.equal(one.actions, other.actions)
    for left, right in ((one.carry, other.carry), (one.extras, other.extras)):
        assert left.keys() == right.keys()
        assert all(torch.equal(left[key], right[key]) for key in left)


@pytest.mark.parametrize("name", LEARNERS)
def test_a_learner_suits_a_spec_and_refuses_others_in_one_line(name):
    assert any(suits(name, spec) for spec in SPECS)
    for spec in SPECS:
        if not suits(name, spec):
            with pytest.raises(ConfigError) as refusal:
                build(name, spec)
            assert "\n" not in str(refusal.value)


@every_learner
@pytest.mark.parametrize("greedy", [False, True])
@pytest.mark.parametrize("progress", [Progress(), LATE], ids=["first", "late"])
def test_actions_are_available_ones_or_finite_vectors(name, spec, greedy, progress):
    agent = build(name, spec)
    shown, rng = observed(spec, 64), torch.Generator().manual_seed(0)
    actions = agent.actor.act(shown, agent.actor.initial_carry(64), progress, rng, greedy).actions
    column = agent.layout["actions"]
    assert (actions.shape, actions.dtype) == ((64, *column.shape), column.dtype)
    if isinstance(spec.action, Discrete):
        assert shown.avail is not None
        assert shown.avail.gather(-1, actions[..., None]).all()
    else:
        assert torch.isfinite(actions).all()  # environments clip what goes beyond the bounds


@every_learner
def test_the_carry_comes_back_as_it_went_in_and_the_extras_are_as_declared(name, spec):
    actor = build(name, spec).actor
    first = actor.initial_carry(8)
    assert all(tensor.shape[0] == 8 for tensor in first.values())
    shown, rng = observed(spec, 8), torch.Generator().manual_seed(0)
    acted = actor.act(shown, first, Progress(), rng)
    acted = actor.act(shown, acted.carry, Progress(), rng)  # it takes its own carry back
    assert acted.carry.keys() == first.keys()
    for key, tensor in first.items():
        assert (acted.carry[key].shape, acted.carry[key].dtype) == (tensor.shape, tensor.dtype)
    declared = {column.name: (column.shape, column.dtype) for column in actor.columns}
    assert all(column.level == "step" for column in actor.columns)
    assert declared == {
        key: (tuple(tensor.shape[1:]), tensor.dtype) for key, tensor in acted.extras.items()
    }


@every_learner
@pytest.mark.parametrize("greedy", [False, True])
def test_an_actor_remembers_nothing_and_a_greedy_one_draws_nothing(name, spec, greedy):
    actor = build(name, spec).actor
    shown, carry = observed(spec, 8), actor.initial_carry(8)
    before = copied(carry)
    answers = []
    for _ in range(2):
        rng = torch.Generator().manual_seed(5)
        answers.append(actor.act(shown, carry, Progress(), rng, greedy))
        if greedy:
            assert torch.equal(rng.get_state(), torch.Generator().manual_seed(5).get_state())
    assert_equal(*answers)
    assert all(torch.equal(before[key], carry[key]) for key in before)


@every_learner
def test_an_actor_says_where_its_exploration_stands(name, spec):
    numbers = build(name, spec).actor.metrics(LATE)
    assert all(isinstance(value, float) for value in numbers.values())


@every_learner
def test_the_layout_is_the_environments_with_what_the_parts_add(name, spec):
    agent = build(name, spec)
    assert dict(layout_of(spec)).items() <= dict(agent.layout).items()
    assert {column.name for column in agent.actor.columns} <= agent.layout.keys()
    assert agent.buffer.layout is agent.layout


@every_learner
def test_a_learner_learns_from_what_its_sampler_gives_and_reports_numbers(name, spec):
    student = Student(build(name, spec), spec)
    learner = student.agent.learner
    assert not student.agent.sampler.ready(student.agent.buffer)
    before = [parameter.detach().clone() for parameter in learner.parameters]
    assert before
    metrics = learner.update(student.samples(), LATE)
    assert metrics
    for key, value in metrics.items():
        assert value.ndim == 0, key
        assert not value.requires_grad, key
        assert value.isfinite(), key
    after = list(learner.parameters)
    assert any(not torch.equal(one, two) for one, two in zip(before, after, strict=True))
    assert all(parameter.isfinite().all() for parameter in after)


@every_learner
def test_a_saved_learner_goes_on_as_the_first_one_bit_for_bit(name, spec):
    student = Student(build(name, spec), spec)
    samples = [student.samples() for _ in range(4)]
    one, two = student.agent.learner, build(name, spec).learner
    progress = [Progress(LATE.t_env + i, LATE.episode + i, LATE.update + i) for i in range(4)]
    for i in range(2):
        one.update(samples[i], progress[i])
    file = io.BytesIO()
    torch.save(one.state_dict(), file)
    file.seek(0)
    two.load_state_dict(torch.load(file, weights_only=True))
    for i in range(2, 4):
        first, second = one.update(samples[i], progress[i]), two.update(samples[i], progress[i])
        assert first.keys() == second.keys()
        for key in first:
            assert torch.equal(first[key], second[key]), key
    for left, right in zip(one.parameters, two.parameters, strict=True):
        assert torch.equal(left, right)


@every_learner
def test_two_builds_of_one_seed_learn_the_same(name, spec):
    students = [Student(build(name, spec), spec) for _ in range(2)]
    for _ in range(2):
        one, two = (who.agent.learner.update(who.samples(), LATE) for who in students)
        assert one.keys() == two.keys()
        assert all(torch.equal(one[key], two[key]) for key in one)
