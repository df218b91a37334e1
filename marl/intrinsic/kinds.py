"""The intrinsic rewards by kind: the values of `bonus.kind`."""

from __future__ import annotations

from marl.config.kinds import Kinds
from marl.intrinsic.config import BonusConfig
from marl.intrinsic.lagma.bonus import LagmaBonusConfig
from marl.intrinsic.none import NoBonusConfig

BONUSES = Kinds("bonus", BonusConfig, [NoBonusConfig, LagmaBonusConfig])
