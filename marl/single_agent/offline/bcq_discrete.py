"""Discrete BCQ: DQN among the actions that the data makes likely (Fujimoto et al. 2019,
arXiv:1910.01708).

    likely(s) = {a : G(a | s) > 0.3 * max G(. | s)}
    y = r + gamma * (1 - terminated) * Q_target(s', argmax over likely(s') of Q(s', a))
    loss = Huber(Q(s, a) - y) - log G(a | s) + 0.01 * mean logits^2

It is DQN with `constraint.kind=bcq`, which puts it on iql, vdn, qmix and others too
(marl/learners/constrained.py), and acts by the argmax over likely actions.

Differs from the authors' code for vectors: targets are copied every 200 updates in the place of a
moving average with 0.005; tests take no random action (0.001 on Atari there). The norm of the
gradient is clipped at 10.
"""

from __future__ import annotations

from dataclasses import dataclass

from marl.buffers.kinds import SamplerConfig
from marl.buffers.samplers import SliceSamplerConfig
from marl.learners.constrained import BcqConstraintConfig, ConstraintConfig
from marl.learners.optimizers import AdamConfig
from marl.learners.q import QLearnerConfig
from marl.nets.dueling import ValueAgentConfig, ValueMlpConfig
from marl.single_agent.one_agent import check_one_agent
from marl.single_agent.value.dqn import DqnConfig
from marl.spec import EnvSpec


@dataclass(frozen=True)
class DiscreteBcqConfig(DqnConfig):
    """Batch-constrained deep Q-learning of discrete actions; the authors' values for vectors."""

    agent: ValueAgentConfig = ValueMlpConfig(
        hidden_dims=(256, 256), agent_id=False, last_action=False
    )
    learner: QLearnerConfig = QLearnerConfig(
        loss="huber",
        optimizer=AdamConfig(lr=0.0003, eps=0.00000001),
        target_update_interval=200,
        target_update_unit="updates",
    )
    constraint: ConstraintConfig = BcqConstraintConfig()
    sampler: SamplerConfig = SliceSamplerConfig(batch_size=64)

    def check(self, spec: EnvSpec) -> None:
        """ConfigError where this recipe and that environment don't go together."""
        others = "iql, vdn or qmix with constraint.kind=bcq"
        check_one_agent(spec, "bcq_discrete", others)
        super().check(spec)
