"""What a LAGMA run learnt, and battles that it plays as in its training."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from marl import seeding
from marl.errors import ConfigError
from marl.intrinsic.lagma.bonus import LagmaBonusConfig, LatentGoalBonus
from marl.intrinsic.lagma.options import LagmaOptions
from marl.learners.q import QLearner
from marl.protocols.acting import Behaviour
from marl.protocols.loop import Progress
from marl.run.battles import Battles, play_battles
from marl.run.plan import Plan
from marl.run.policy import Policy, load_policy
from marl.runners.episodes import EpisodeRunner
from marl.runners.evaluation import evaluation_seeds
from marl.runners.stopwatch import Stopwatch


def check_lagma(plan: Plan, folder: Path) -> None:
    """ConfigError where the run in `folder` has no codebook."""
    bonus = getattr(plan.recipe, "bonus", None)
    if not isinstance(bonus, LagmaBonusConfig):
        has = f"bonus.kind={bonus.kind}" if bonus is not None else "no bonus"
        raise ConfigError(
            f"run: {folder} is a run of {plan.config_name} with {has}, and kind=codebook draws "
            "what bonus.kind=lagma learnt"
        )


@dataclass(frozen=True)
class Learnt:
    """A policy and its bonus."""

    policy: Policy
    bonus: LatentGoalBonus

    @property
    def config(self) -> LagmaOptions:
        return self.bonus.config

    @property
    def n_codes(self) -> int:
        """K."""
        return self.bonus.codebook.quantizer.n_codes

    @property
    def tells_wins(self) -> bool:
        """Whether its environment says which battles are won."""
        return self.policy.spec.reports_win

    @property
    def seed(self) -> int:
        """The run's."""
        seed = self.policy.plan.run.seed
        assert seed is not None  # make_plan draws one where none is given
        return seed

    @property
    def progress(self) -> Progress:
        """That of its training when the checkpoint was written."""
        return Progress(t_env=self.policy.t_env)

    def play(self, count: int) -> Battles:
        """So many battles, exploring as much as its training did last; always the same ones."""
        policy, run = self.policy, self.policy.plan.run
        env = policy.make_env(min(run.num_envs, count))
        try:
            runner = EpisodeRunner(env, policy.agent.layout, policy.device, Stopwatch())
            rng = seeding.generator(self.seed, seeding.EXPLORATION)
            behaviour = Behaviour(policy.agent.actor, self.progress, rng)
            seeds = evaluation_seeds(self.seed, policy.t_env, count)
            return play_battles(runner, behaviour, seeds, self.bonus.gamma)
        finally:
            env.close()

    def caption(self, battles: Battles) -> list[str]:
        """Which run it is, and what the battles were."""
        policy = self.policy
        exploring = policy.agent.actor.metrics(self.progress)
        how = ", ".join(f"{name} {value:.3g}" for name, value in exploring.items())
        won = f", {int(battles.won.sum())} of them won" if self.tells_wins else ""
        return [
            f"{policy.plan.config_name} on {policy.spec.name}, seed {self.seed}, after "
            f"{policy.t_env:,} environment steps",
            f"{battles.count} battles of its policy ({how}){won}; {len(battles.states):,} states",
        ]


def load(plan: Plan) -> Learnt:
    """From the plan's checkpoint; CheckpointError where there is none or it does not fit."""
    policy = load_policy(plan)
    learner = policy.agent.learner
    assert isinstance(learner, QLearner)  # the one learner that takes a bonus
    assert isinstance(learner.bonus, LatentGoalBonus)  # by check_lagma
    return Learnt(policy, learner.bonus)
