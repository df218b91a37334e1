"""Arrays in checkpoints."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from marl.intrinsic.lagma.arrays import restore, saved


def test_arrays_come_back():
    state = saved({"a": np.arange(4.0)})
    arrays = {"a": np.zeros(4)}
    restore(arrays, state)
    assert arrays["a"].tolist() == [0, 1, 2, 3]


def test_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"a was saved with shape \(4,\)"):
        restore({"a": np.zeros(3)}, saved({"a": np.arange(4.0)}))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_arrays_come_back_from_a_gpu():
    state = {"a": torch.arange(4.0, device="cuda")}
    arrays = {"a": np.zeros(4, dtype=np.float32)}
    restore(arrays, state)
    assert arrays["a"].tolist() == [0, 1, 2, 3]
