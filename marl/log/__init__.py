"""Metrics of a run: console, TensorBoard, sacred, metrics.jsonl."""
