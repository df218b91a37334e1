"""What actor-critic recipes with a replay share: encoder, critics, and how they are assembled."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import torch

from marl.algos.agent import Agent
from marl.algos.replay import ReplayRecipeConfig
from marl.buffers.kinds import ReplayConfig, SamplerConfig
from marl.buffers.samplers import SliceSamplerConfig
from marl.buffers.transitions import TransitionBufferConfig
from marl.controllers.encoded import EncodedActor
from marl.encoders.config import EncoderConfig
from marl.encoders.hidden_goals import GoalBlindActor, HiddenGoals
from marl.encoders.raw import RawConfig
from marl.errors import ConfigError
from marl.intrinsic.none import NoBonusConfig
from marl.learners.actor_critic.improvement import Improvement
from marl.learners.actor_critic.learner import ActorCriticLearner, CriticLearnerConfig
from marl.nets.agents import AgentConfig, MlpConfig
from marl.nets.critics import CriticConfig, QEnsemble
from marl.nets.team_critics import AnyCriticConfig
from marl.protocols.acting import Actor
from marl.runners.kinds import RolloutConfig, UpdatesConfig
from marl.runners.steps import StepRolloutConfig
from marl.runners.updates import ReplayUpdatesConfig
from marl.spec import Continuous, EnvSpec

PERCEPTRON = MlpConfig(hidden_dims=(256, 256), agent_id=False, last_action=False)


@dataclass(frozen=True)
class ActorCriticRecipeConfig(ReplayRecipeConfig):
    """A policy of continuous actions and the critics that it climbs."""

    agent: AgentConfig = PERCEPTRON  # the policy's network
    critic: AnyCriticConfig = CriticConfig()
    encoder: EncoderConfig = RawConfig()
    # Whether policy and critics see goals: always, in tests alone (zeros till then), or never.
    goals: Literal["shown", "tests", "hidden"] = "shown"
    learner: CriticLearnerConfig = CriticLearnerConfig()
    rollout: RolloutConfig = StepRolloutConfig()
    buffer: ReplayConfig = TransitionBufferConfig()
    sampler: SamplerConfig = SliceSamplerConfig(batch_size=256, start=25_000)
    updates: UpdatesConfig = ReplayUpdatesConfig(per_episode=0.0, per_step=1.0)

    def check(self, spec: EnvSpec) -> None:
        """ConfigError where the recipe and the environment don't go together."""
        self.check_actions(spec)
        self.check_goals(spec)
        self.check_memory()
        self.check_slices()
        super().check(spec)

    def check_actions(self, spec: EnvSpec) -> None:
        """ConfigError where the policy can't give the environment's actions."""
        if not isinstance(spec.action, Continuous):
            raise ConfigError(
                f"{spec.name} has discrete actions, and this learns continuous ones; "
                "choose --config=dqn, ppo or a multi-agent recipe"
            )

    def check_goals(self, spec: EnvSpec) -> None:
        """ConfigError where goals are to be hidden that aren't there, or are mixed in."""
        if self.goals != "shown" and not spec.goal_dim:
            raise ConfigError(
                f"goals: {self.goals} hides goals, and {spec.name} has none; use goals=shown"
            )
        if self.goals != "shown" and not self.encoder.in_place:
            raise ConfigError(
                f"goals: {self.goals} needs goals that stay apart, and encoder.kind="
                f"{self.encoder.kind} mixes them in; use encoder.kind=normalised or raw"
            )

    def check_memory(self) -> None:
        """ConfigError where what was before a step is asked for, and is not there."""
        n_step = self.learner.n_step
        cuts = n_step > 1 or self.encoder.slices > 1
        if self.agent.kind == "rnn" and (self.sampler.single_steps or cuts):
            raise ConfigError(
                "agent.kind: rnn learns from what came before, and single steps or slices "
                f"(sampler.kind={self.sampler.kind}) have no such thing; use agent.kind=mlp, or "
                "sampler.kind=episodes with learner.n_step=1 and encoder.kind=raw"
            )
        if n_step > 1 and self.agent.last_action:
            raise ConfigError(
                "agent.last_action: of n steps folded into one the last action is not kept; set "
                "it to False, or learner.n_step=1"
            )
        if n_step > 1 and self.bonus.kind != NoBonusConfig.kind:
            raise ConfigError(
                f"learner.n_step: bonus.kind={self.bonus.kind} pays single steps; set it to 1"
            )

    def check_slices(self) -> None:
        """ConfigError where the sampler's slices are shorter than what is learnt from."""
        n_step, asked = self.learner.n_step, self.encoder.slices
        needed = max(n_step, asked)
        length = self.sampler.length if isinstance(self.sampler, SliceSamplerConfig) else 1
        if needed > length:
            reason = (
                f"learner.n_step={n_step}"
                if n_step == needed
                else f"encoder.kind={self.encoder.kind}"
            )
            raise ConfigError(
                f"sampler.length: {reason} needs sampler.kind=slices with slices of {needed} steps "
                f"at least, not {length} (and rollout.kind=episodes, buffer.kind=episodes)"
            )

    def remark(self, spec: EnvSpec) -> str:
        """What several agents mean: each learns by itself, with networks that all share."""
        if spec.n_agents == 1:
            return ""
        told = self.agent.agent_id and self.critic.agent_id
        ids = "" if told else "; agent.agent_id=True critic.agent_id=True tell them apart"
        return (
            f"the {spec.n_agents} agents of {spec.name} share one policy and its critics, and each "
            f"learns by itself from the team's reward{ids}"
        )

    def build(self, spec: EnvSpec, device: torch.device) -> Agent:
        """All parts, on `device` (the replay stays on the CPU)."""
        self.check(spec)
        encoder = self.encoder.build(spec, device)
        if self.goals != "shown":
            encoder = HiddenGoals(encoder, spec)
        seen = replace(spec, obs_dim=encoder.width)
        improvement, actor, critics = self.parts(seen, device)
        bonus = self.bonus.build(spec, self.learner.gamma, device)
        seed = int(torch.randint(2**62, ()))
        learner = ActorCriticLearner(encoder, critics, improvement, bonus, self.learner, seed)
        if self.goals != "shown":
            actor = GoalBlindActor(actor, spec, always=self.goals == "hidden")
        if not isinstance(self.encoder, RawConfig):
            actor = EncodedActor(encoder, actor)
        return self.assemble(spec, actor, learner, bonus)

    def parts(self, spec: EnvSpec, device: torch.device) -> tuple[Improvement, Actor, QEnsemble]:
        """How the policy learns, who acts by it, and the critics.

        spec: with the encoded observations. An actor that asks the critics overrides this.
        """
        improvement, actor = self.policy(spec, device)
        return improvement, actor, self.critic.build(spec).to(device)

    def policy(self, spec: EnvSpec, device: torch.device) -> tuple[Improvement, Actor]:
        """How the policy learns, and who acts by it. spec: with the encoded observations."""
        raise NotImplementedError
