"""The ways to collect and to count updates: `rollout.kind` and `updates.kind`."""

from __future__ import annotations

from marl.runners.episodes import EpisodeRolloutConfig
from marl.runners.offline import OfflineRolloutConfig, OfflineUpdatesConfig
from marl.runners.steps import StepRolloutConfig
from marl.runners.updates import ReplayUpdatesConfig

# Experience is collected on and on, or there already.
OnlineRolloutConfig = EpisodeRolloutConfig | StepRolloutConfig
RolloutConfig = OnlineRolloutConfig | OfflineRolloutConfig
UpdatesConfig = ReplayUpdatesConfig | OfflineUpdatesConfig
