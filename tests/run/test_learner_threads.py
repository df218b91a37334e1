"""`learner_threads`: whoever offers to share its updates may have them, and nobody else."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace

import pytest
import torch
from torch import nn

from marl.algos.qmix import QmixConfig
from marl.cli.arguments import split
from marl.cli.resolve import make_plan
from marl.errors import ConfigError
from marl.nets.threads import set_learner_threads, shared
from marl.protocols.experience import BATCH
from marl.protocols.learning import RowSharing
from marl.run.opening import check_threads
from marl.run.plan import Plan
from marl.run.trainer import Trainer


@pytest.fixture(autouse=True)
def _one_thread_afterwards():
    yield
    set_learner_threads(1)


def plan_for(folder, config: str, *words: str) -> Plan:
    small = ("num_envs=4", "seed=3", "progress_bar=False", "tensorboard=False")
    argv = ["train", f"--config={config}", "--env-config=two_step", "with", f"results_dir={folder}"]
    return make_plan(split([*argv, *small, *words]))


class RewardModel:
    """A learner from outside, on nothing of the package's own: it fits the reward of each step."""

    def __init__(self, state_dim: int) -> None:
        self.net = nn.Linear(state_dim, 1)
        self.parameters = list(self.net.parameters())
        self.asked: set[int] = set()  # threads

    def estimate_rows(self, batch):
        self.asked.add(threading.get_ident())
        return self.net(batch.state[:, :-1]) * batch.filled, batch.reward * batch.filled

    def update(self, samples, progress):
        guess, reward = shared(self.estimate_rows, samples[BATCH], self.parameters)
        loss = (guess - reward).square().mean()
        loss.backward()
        return {"loss": loss.detach()}

    def state_dict(self):
        return self.net.state_dict()

    def load_state_dict(self, state):
        self.net.load_state_dict(state)


@dataclass(frozen=True)
class Outside(QmixConfig):
    def build(self, spec, device):
        return replace(super().build(spec, device), learner=RewardModel(spec.state_dim))


@pytest.mark.parametrize("count", [1, 2])
def test_a_learner_from_outside_that_offers_it_shares_its_updates(tmp_path, count):
    plan = plan_for(tmp_path, "qmix", "sampler.batch_size=4", f"learner_threads={count}")
    trainer = Trainer(replace(plan, recipe=Outside(sampler=plan.recipe.sampler)))
    learner = trainer.agent.learner
    assert isinstance(learner, RowSharing)
    while not trainer.counters.update:
        trainer._collect()
        trainer._learn()
    assert len(learner.asked) == count


def test_a_learner_that_does_not_offer_it_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="learner_threads: PpoLearner does not share"):
        Trainer(plan_for(tmp_path, "ippo", "learner_threads=2"))


def test_elsewhere_than_on_the_cpu_it_is_refused(tmp_path):
    trainer = Trainer(plan_for(tmp_path, "qmix", "learner_threads=2"))
    with pytest.raises(ConfigError, match="learner_threads: updates are shared on the CPU alone"):
        check_threads(trainer.plan, trainer.agent, torch.device("cuda"))
