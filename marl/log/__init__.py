"""Metrics of a run: console, TensorBoard, sacred, metrics.jsonl."""

from marl.log.log import Log, open_log

__all__ = ["Log", "open_log"]
