"""The watch over finite numbers: a training stops at the first NaN or infinity.

It looks where numbers are few or pass by anyway: at what was collected, before it is kept; at the
metrics of each update, a learner's own scalars; at all that is logged; and at the weights before
they are saved. So no checkpoint holds such a number and no metric is one, and the run can go on
from its newest checkpoint.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import isfinite
from pathlib import Path
from types import MappingProxyType

import torch
from torch import Tensor

from marl.batch import EpisodeBatch
from marl.errors import NotFiniteError
from marl.protocols.collecting import Rollout
from marl.protocols.experience import Samples
from marl.protocols.loop import Metrics, Progress
from marl.run.checkpoint import MODELS, list_steps

BATCH = "batch.pt"
NAMED = 5  # metrics in a message; more are counted
SHOWN = ("obs", "state", "reward", "goal", "achieved_goal")  # by the environment
RATE = "a lower learning rate may help"


class FiniteWatch:
    """Refuses numbers that are not finite, and keeps the batch that they came with.

    folder: the run's; the batch goes to not-finite-at-<t_env>/ in it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def rollout(self, rollout: Rollout, t_env: int, where: str = "training") -> None:
        """Refuse what was collected after t_env steps if any number in it is not finite."""
        batch = rollout.batch
        numbers = [values for values in batch.columns.values() if values.is_floating_point()]
        # A sum is one pass over memory; where it overflows, the numbers themselves are looked at.
        if isfinite(sum(values.sum().item() for values in numbers)):
            return
        for name, column in batch.layout.items():
            if not column.dtype.is_floating_point:
                continue
            found = (~batch[name].isfinite()).nonzero()  # [n, axes]
            if len(found):
                place = found[found[:, 1].argmin()] if found.shape[1] > 1 else found[0]
                value = float(batch[name][tuple(place.tolist())])
                said = f"{name} is {value} {_place(batch, place.tolist())} ({where}), collected"
                remedy = "look for it in the environment" if name in SHOWN else RATE
                self._stop(said, t_env, remedy, {"batch": batch})

    def update(self, metrics: Metrics, samples: Samples, progress: Progress) -> None:
        """Refuse an update by its metrics. samples: what it learnt from."""
        values = numbers_of(metrics)
        if not isfinite(sum(values)):
            wrong = not_finite(dict(zip(metrics, values, strict=True)))
            said = f"{wrong} in update {progress.update}, that of episode {progress.episode},"
            self._stop(said, progress.t_env, RATE, samples)

    def logged(self, metrics: Mapping[str, float], t_env: int) -> None:
        """Refuse a point that is to be logged."""
        wrong = not_finite(metrics)
        if wrong:
            self._stop(wrong, t_env, RATE)

    def weights(self, parameters: Iterable[Tensor], t_env: int) -> None:
        """Refuse weights that are to be saved."""
        with torch.no_grad():
            wrong = sum(not isfinite(float(weights.sum())) for weights in parameters)
        if wrong:
            self._stop(f"{wrong} of the networks' tensors are not finite", t_env, RATE)

    def _stop(
        self, said: str, t_env: int, remedy: str, samples: Samples = MappingProxyType({})
    ) -> None:
        steps = list_steps(self.folder / MODELS)
        advice = "no checkpoint had been saved yet"
        if steps:
            newest = steps[max(steps)]
            advice = (
                f"the last good checkpoint is {newest}: with resume={self.folder} goes on there"
            )
        kept = self._keep(samples, t_env) if samples else ""
        raise NotFiniteError(
            f"{said} after {t_env:,} steps: a training can't go on from a number that is not "
            f"finite; {kept}{advice}; {remedy}"
        )

    def _keep(self, samples: Samples, t_env: int) -> str:
        """Write the batches, and say where."""
        path = self.folder / f"not-finite-at-{t_env}" / BATCH
        columns = {
            name: {column: values.cpu().clone() for column, values in batch.columns.items()}
            for name, batch in samples.items()
        }
        try:
            path.parent.mkdir(exist_ok=True)
            torch.save(columns, path)
        except (OSError, RuntimeError) as error:  # torch's word for a full disk
            return f"the batch could not be written ({error}); "
        return f"the batch is in {path}; "


def numbers_of(metrics: Metrics) -> list[float]:
    """Their values, with one wait for the device that they are on."""
    values = list(metrics.values())
    if any(isinstance(value, Tensor) and value.is_cuda for value in values):
        return torch.stack([torch.as_tensor(value).double().cuda() for value in values]).tolist()
    return [float(value) for value in values]


def not_finite(metrics: Mapping[str, float]) -> str:
    """`loss=nan, grad_norm=inf`, or "" where all are finite."""
    wrong = [f"{name}={value}" for name, value in metrics.items() if not isfinite(value)]
    return _listed(wrong)


def _listed(parts: Sequence[str]) -> str:
    more = f" and {len(parts) - NAMED} more" if len(parts) > NAMED else ""
    return ", ".join(parts[:NAMED]) + more


def _place(batch: EpisodeBatch, place: list[int]) -> str:
    """In words where a column's entry is. place: its row, its slot or step ..."""
    row = place[0]
    episode = int(batch.episode[row])
    if len(place) < 2:
        return f"in episode {episode}"
    part = "" if bool(batch.started[row]) else ", counted from where this collection began"
    return f"at step {place[1]} of episode {episode}{part}"
