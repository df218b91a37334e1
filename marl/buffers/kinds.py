"""The replays: `buffer.kind`."""

from __future__ import annotations

from marl.buffers.dataset import DatasetConfig
from marl.buffers.episodes import BufferConfig
from marl.buffers.transitions import TransitionBufferConfig

ReplayConfig = BufferConfig | TransitionBufferConfig | DatasetConfig
