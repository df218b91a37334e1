"""The weight that the returns of paid steps give the bonus."""

from __future__ import annotations

import pytest
import torch

from marl.intrinsic.lagma.calibration import KEEP, Calibration

PROMISED = torch.tensor([[[2.0], [0.0], [4.0]]])


@pytest.mark.parametrize(
    ("earned", "share"),
    [([1.0, 99.0, 2.0], 0.5), ([2.0, -9.0, 5.0], 1.0), ([-1.0, 9.0, -1.0], 0.0)],
)
def test_it_is_the_share_of_the_promise_that_was_earned_on_paid_steps(earned, share):
    calibration = Calibration()
    assert calibration.share == 1.0
    calibration.add(PROMISED, torch.tensor(earned).view(1, 3, 1))
    assert calibration.share == share


def test_older_updates_fade():
    calibration = Calibration()
    calibration.add(PROMISED, PROMISED)
    calibration.add(PROMISED, torch.zeros(1, 3, 1))
    assert calibration.share == pytest.approx(KEEP / (1 + KEEP))
    again = Calibration()
    again.load_state_dict(calibration.state_dict())
    assert again.share == calibration.share
