"""LAGMA on a grid of rounded numbers: all that it does with a learnt codebook it does here too."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
import torch
from builders import SMALL
from intrinsic.lagma.test_bonus import (
    GAMMA,
    NEVER,
    assert_equal_states,
    compare_with_naive,
    stream,
)

from marl.intrinsic.lagma.bonus import LagmaBonusConfig, LatentGoalBonus
from marl.quantizers.fsq_learner import FsqConfig
from marl.quantizers.vq_learner import VqConfig

CPU = torch.device("cpu")
SIX = FsqConfig(levels=(3, 2), hidden_dim=16, lr=0.01, update_interval=NEVER)
EMA = VqConfig(codes="ema", code_lr=None)


def fsq_bonus(codebook: FsqConfig = SIX, **options) -> LatentGoalBonus:
    """Six codes, all of which random states of SMALL reach."""
    torch.manual_seed(5)
    small = {"start": 0, "warmup": 0, "update_interval": 2, "window": 7, "k": 4}
    config = LagmaBonusConfig(**{**small, "resample_interval": 3, "codebook": codebook, **options})
    bonus = config.build(SMALL, GAMMA, CPU)
    states = torch.rand(200, SMALL.state_dim)
    for _ in range(300):
        codes, _ = bonus.codebook.step(states, torch.zeros(200, dtype=torch.int64), 1)
    assert len(codes.unique()) == 6
    return bonus


@pytest.mark.parametrize("options", [{}, {"baseline": "code", "windows": "reencoded"}], ids=str)
@pytest.mark.parametrize("padding", ["masked", "included"])
def test_it_pays_what_the_naive_reference_pays(padding, options):
    assert compare_with_naive(fsq_bonus(padding=padding, **options)) > 2


def test_its_metrics_are_those_of_a_codebook_without_the_losses_of_codes():
    bonus = fsq_bonus(replace(SIX, update_interval=1))
    for batch, bootstrap, progress in stream(3):
        _, metrics = bonus(batch, bootstrap, progress)
    losses = {name for name in metrics if name.endswith("_loss")}
    assert losses == {"recon_loss"}
    assert 1.0 < metrics["codebook_perplexity"] <= 6.0
    assert metrics["codebook_usage"].item() in [used / 6 for used in (2, 3, 4, 5, 6)]


def test_an_episode_is_explained_and_assessed():
    bonus = fsq_bonus()
    for batch, bootstrap, progress in stream(4):
        bonus(batch, bootstrap, progress)
    one = batch.map(lambda tensor: tensor[1:2])  # of nine steps: no padding
    told = bonus.explain(one, bootstrap[1:2])
    assert told["code"].tolist() == bonus.codebook.quantizer.encode(one.state)[0].tolist()
    assert told["goal"].shape == (one.steps + 1, 6)
    places = torch.stack([told["code_x"], told["code_y"]], dim=1)
    assert len(places.unique(dim=0)) == 6  # the grid of 3 x 2 on the plane
    found = bonus.assess(batch, bootstrap, torch.zeros(5, 10))
    assert 0.0 <= found["paid"] <= 1.0


def test_continuing_from_a_saved_state_is_never_having_stopped():
    learning = replace(SIX, update_interval=2)
    plain, resumed = fsq_bonus(learning), fsq_bonus(learning)
    batches = list(stream(10))
    for batch, bootstrap, progress in batches[:5]:
        plain(batch, bootstrap, progress)
    file = io.BytesIO()
    torch.save(plain.state_dict(), file)
    file.seek(0)
    resumed.load_state_dict(torch.load(file, weights_only=True))
    paid = 0
    for batch, bootstrap, progress in batches[5:]:
        one, other = plain(batch, bootstrap, progress), resumed(batch, bootstrap, progress)
        assert torch.equal(one[0], other[0])
        assert_equal_states(one[1], other[1])
        paid += int((one[0] > 0).sum())
    assert paid > 0
    assert_equal_states(plain.state_dict(), resumed.state_dict())


@pytest.mark.parametrize(
    ("codebook", "coverage"), [(VqConfig(), "timestep"), (EMA, "none"), (SIX, "none")]
)
def test_coverage_is_there_where_a_loss_moves_the_codes(codebook, coverage):
    assert LagmaBonusConfig(codebook=codebook).coverage == coverage
    assert LagmaBonusConfig(codebook=codebook, coverage="none").coverage == "none"


@pytest.mark.parametrize("coverage", ["all", "timestep"])
@pytest.mark.parametrize(("codebook", "which"), [(SIX, "kind=fsq"), (EMA, "codes=ema")])
def test_coverage_that_would_do_nothing_is_refused(codebook, which, coverage):
    with pytest.raises(ValueError, match=f"coverage: .* codebook.{which}; set it to none"):
        LagmaBonusConfig(codebook=codebook, coverage=coverage)
