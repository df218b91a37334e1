"""The kinds of `buffer` and `sampler`."""

from __future__ import annotations

from marl.buffers.dataset import DatasetConfig
from marl.buffers.episodes import BufferConfig
from marl.buffers.hindsight import HindsightSamplerConfig
from marl.buffers.informative import InformativeSamplerConfig
from marl.buffers.prioritised import PrioritisedSamplerConfig
from marl.buffers.samplers import EpisodeSamplerConfig, SliceSamplerConfig
from marl.buffers.transitions import TransitionBufferConfig

ReplayConfig = BufferConfig | TransitionBufferConfig | DatasetConfig
SamplerConfig = (
    EpisodeSamplerConfig
    | SliceSamplerConfig
    | HindsightSamplerConfig
    | PrioritisedSamplerConfig
    | InformativeSamplerConfig
)
