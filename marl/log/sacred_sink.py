"""sacred: its settings, its record in the run folder, and the metrics in PyMARL's form."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sacred import SETTINGS, Experiment
from sacred.observers import FileStorageObserver
from sacred.run import Run

HEARTBEAT = 30.0  # seconds between sacred's writes; each one writes all metrics anew


def prepare() -> None:
    """Keep sacred from capturing the progress bar, scanning sources and querying the hardware."""
    SETTINGS.CAPTURE_MODE = "no"
    SETTINGS.DISCOVER_SOURCES = "none"
    SETTINGS.DISCOVER_DEPENDENCIES = "none"
    SETTINGS.HOST_INFO.INCLUDE_GPU_INFO = False
    SETTINGS.HOST_INFO.INCLUDE_CPU_INFO = False
    SETTINGS.DEFAULT_BEAT_INTERVAL = HEARTBEAT


def run_command(
    experiment: Experiment, command: str, folder: Path | None, options: Mapping[str, object]
) -> None:
    """Run one of the experiment's commands as sacred does.

    folder: of sacred's record, None for no record; options: sacred's own.
    """
    experiment.logger = _logger()  # type: ignore[assignment]
    if folder is not None:
        experiment.observers.append(RunFolderObserver(folder, copy_sources=False))
    experiment.run(command, info={}, options=dict(options))


class RunFolderObserver(FileStorageObserver):
    """sacred's files, without the name of the machine."""

    def started_event(
        self,
        ex_info: dict[str, Any],
        command: str,
        host_info: dict[str, Any],
        start_time: Any,
        config: dict[str, Any],
        meta_info: dict[str, Any],
        _id: str | None,
    ) -> Any:
        kept = {key: value for key, value in host_info.items() if key != "hostname"}
        return super().started_event(ex_info, command, kept, start_time, config, meta_info, _id)


class SacredSink:
    """Metrics into sacred: log_scalar, and PyMARL's lists `K` and `K_T` in info.json."""

    def __init__(self, run: Run) -> None:
        self.run = run

    def write(self, metrics: Mapping[str, float], t_env: int) -> None:
        info = dict(self.run.info)
        for key, value in metrics.items():
            self.run.log_scalar(key, value, t_env)
            info[key] = [*info.get(key, []), value]
            info[f"{key}_T"] = [*info.get(f"{key}_T", []), t_env]
        # A new dict each time: sacred's heartbeat thread may be reading the old one.
        self.run.info = info

    def close(self) -> None:
        """Nothing to free: sacred finishes its own files."""


def _logger() -> logging.Logger:
    """sacred's logger, limited to warnings of one line; run.py itself reports how a run ended."""
    logger = logging.getLogger("sacred")
    logger.setLevel(logging.WARNING)
    logger.propagate = False
    if not logger.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
        handler.addFilter(_one_line)
        logger.addHandler(handler)
    return logger


def _one_line(record: logging.LogRecord) -> bool:
    """Drop messages about the end of a run; shorten a traceback to its last line."""
    text = record.getMessage()
    if text.startswith(("Failed after", "Aborted after", "No observers have been added")):
        return False
    if text.startswith("Traceback"):
        record.msg, record.args = text.strip().splitlines()[-1], None
        return not str(record.msg).startswith("OSError")  # a full disk, which run.py reports
    return True
