"""Where a new run's weights come from: its seed, or what another run has learnt."""

from __future__ import annotations

from pathlib import Path

from marl.algos.agent import Agent
from marl.errors import CheckpointError, ConfigError, one_line
from marl.protocols.learning import PretrainedBonus, WarmStart
from marl.protocols.loop import State
from marl.run import checkpoint
from marl.run.plan import Plan


def take_weights(plan: Plan, agent: Agent) -> list[str]:
    """Give a new run the weights that its plan asks for; what was taken, for its user.

    A run that goes on has its own. ConfigError where nothing can take them; CheckpointError where
    they are of other networks.
    """
    if plan.run.resume is not None:
        return []
    notes = []
    if plan.run.start_from is not None:
        if not isinstance(agent.learner, WarmStart):
            raise ConfigError(
                f"start_from: {type(agent.learner).__name__} takes no weights of another run; "
                "recipes of continuous actions with a replay do (ddpg, td3, sac, music)"
            )
        found, state = _learner_in(plan.run.start_from, "start_from")
        had = _taken(agent.learner, state, f"start_from: {found}")
        also = " and bonus" if had else ""
        notes.append(f"policy, critics, encoder{also} begin with the weights of {found}")
    bonus = agent.bonus
    if isinstance(bonus, PretrainedBonus) and bonus.pretrained is not None:
        found, state = _learner_in(bonus.pretrained, "bonus.pretrained")
        if not _taken(bonus, state.get("bonus", {}), f"bonus.pretrained: {found}"):
            raise CheckpointError(
                f"bonus.pretrained: {found} has no estimate of mutual information; give a run of "
                "bonus.kind=mutual_information"
            )
        notes.append(f"the bonus has the estimate of {found}, which stays as it is")
    return notes


def _learner_in(place: str, key: str) -> tuple[Path, State]:
    """The checkpoint at a run's or its own folder, and what its learner knew."""
    try:
        found = checkpoint.find(Path(place))
        return found, checkpoint.load(found, only=("learner",))["learner"]
    except CheckpointError as error:
        raise CheckpointError(f"{key}: {error}") from None


def _taken(part: WarmStart | PretrainedBonus, state: State, source: str) -> bool:
    try:
        return part.start_from(state)
    except checkpoint.MISFITS as error:
        reason = one_line(f"{type(error).__name__}: {error}")[:200]
        raise CheckpointError(
            f"{source} has networks of other sizes or kinds ({reason}); give a run of the same "
            "recipe, layers, observations and skills"
        ) from error
