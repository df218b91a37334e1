"""What `python run.py collect` can be asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from marl.config.schema import option

# random: any legal action; contrary: line_world's wrong way; greedy, exploring: what a run learnt,
# without and with its exploration; kept: what a run collected itself, its newest replay.
PolicyName = Literal["random", "contrary", "greedy", "exploring", "kept"]
OF_A_RUN = ("greedy", "exploring", "kept")
DEFAULT_STEPS = 100_000


@dataclass(frozen=True)
class CollectConfig:
    """Keys of `collect` after `with`; further ones are the environment's, or override a run's."""

    out: str = option("", path=True)  # new folder
    # Environment steps, at least: the last episode is played to its end. None: 100,000, and of what
    # is there already all.
    steps: int | None = option(None, low=1, high=10**9)
    run: str | None = option(None, path=True)  # run folder, or one of its models/<t_env>
    load_step: int = option(0, low=0)  # which checkpoint of a run; 0 = newest, else the nearest
    policy: PolicyName | None = None  # None: exploring where there is a run, else random
    random_share: float = option(0.0, low=0.0, high=1.0)  # of the actions, which are any legal one
    noise: float = option(0.0, low=0.0)  # deviation on continuous ones, in halves of their range
    wrong_share: float = option(0.9, low=0.0, high=1.0)  # contrary: of the actions
    mix: str = ""  # folders of datasets with commas between them, instead of a policy
    seed: int = option(0, low=0, high=2**32 - 1)
    num_envs: int = option(8, low=1, high=4096)  # E, environments in lock-step
    env_threads: int = option(1, low=1)
    expert: str | None = option(None, path=True)  # run whose greedy return counts as 100
    random_return: float | None = None  # mean returns that are known already
    expert_return: float | None = None
    reference_episodes: int = option(50, low=0, high=10**6)  # played for each; 0: none

    def __post_init__(self) -> None:
        """Refuse what does not go together."""
        if not self.out:
            raise ValueError("out: name the folder to make: with out=<folder>")
        policy = self.policy_name
        if policy in OF_A_RUN and self.run is None:
            raise ValueError(
                f"policy: {policy} is what a run learnt or kept; name it: run=<folder>"
            )
        disturbed = self.random_share > 0 or self.noise > 0
        if disturbed and (policy in ("random", "contrary", "kept") or self.mix):
            raise ValueError("random_share and noise go with policy=greedy or exploring alone")
        if self.mix and (self.run is not None or self.policy is not None):
            raise ValueError("mix: is of datasets that are there; leave out run and policy")

    @property
    def policy_name(self) -> PolicyName:
        """Who acts."""
        return self.policy or ("random" if self.run is None else "exploring")

    @property
    def folders(self) -> list[str]:
        """The datasets to mix."""
        return [name.strip() for name in self.mix.strip("[] ").split(",") if name.strip()]
