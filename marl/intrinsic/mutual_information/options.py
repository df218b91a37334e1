"""Options of the mutual-information bonus."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from marl.config.schema import option
from marl.intrinsic.config import BonusConfig
from marl.intrinsic.parts import Part, check_part
from marl.spec import EnvSpec


@dataclass(frozen=True)
class MutualInformationOptions(BonusConfig):
    """What the bonus pays for, and how its estimate learns; MUSIC's values are the defaults."""

    samples_episodes: ClassVar[bool] = True
    scores_episodes: ClassVar[bool] = True
    agent_state: Part = (0, 3)  # x: numbers first..last-1 of an observation
    surrounding_state: Part = (3, 6)  # y, likewise
    weight: float = option(1.0, low=0.0)  # of the bonus; 0: it learns, and pays nothing
    scale: float = option(5000.0, above=0.0)  # of the estimate of a transition, before the clip
    shuffle: Literal["swap", "official"] = "swap"  # official: half the time no swap, and -1 for all
    hidden_dim: int = option(128, low=1, high=4096)  # width of the statistics network
    lr: float = option(0.001, above=0.0)
    batch_size: int = option(256, low=1)  # episodes, drawn with replacement, of each step of it
    pretrained: str | None = option(None, path=True)  # run or checkpoint: taken from there, frozen
    most: float = option(0.0002, above=0.0)  # of a transition's estimate in an episode's score

    def check(self, spec: EnvSpec, whole_episodes: bool) -> None:
        """ConfigError where observations have no such parts, or the parts share numbers."""
        x, y = self.agent_state, self.surrounding_state
        check_part("bonus.agent_state", x, spec)
        check_part("bonus.surrounding_state", y, spec)

    def __post_init__(self) -> None:
        x, y = self.agent_state, self.surrounding_state
        if max(x[0], y[0]) < min(x[1], y[1]):
            raise ValueError(
                f"surrounding_state: {list(y)} shares numbers with agent_state={list(x)}; what is "
                "the agent's own can't surround it"
            )
