"""The LAGMA recipe: presets, flags, what it shares with QMIX, what it costs."""

import math
import time
from dataclasses import fields

import pytest
import torch
from builders import SMALL, STALKERS, random_batch

from marl.algos.lagma import LagmaConfig
from marl.algos.qmix import QmixConfig
from marl.buffers.samplers import SliceSamplerConfig
from marl.cli.main import split
from marl.cli.resolve import make_plan
from marl.controllers.exploration import EpsilonConfig
from marl.errors import ConfigError
from marl.intrinsic.lagma.bonus import LagmaBonusConfig
from marl.intrinsic.none import NoBonus
from marl.protocols.experience import BATCH
from marl.protocols.loop import Progress
from marl.quantizers.fsq_learner import FsqConfig
from marl.quantizers.vq_learner import VqConfig

CPU = torch.device("cpu")


def preset(name: str, *flags: str) -> QmixConfig:
    """The recipe as the command line makes it."""
    words = ["train", f"--config={name}", "--env-config=two_step"]
    return make_plan(split([*words, "with", *flags] if flags else words)).recipe


def tuned(name: str) -> tuple[float, ...]:
    """The columns of the paper's configurations that differ from map to map."""
    recipe = preset(name)
    book = recipe.bonus.codebook
    weights = (book.vq_weight, book.commit_weight, book.coverage_weight)
    intervals = (book.update_interval, recipe.bonus.update_interval)
    return (recipe.epsilon.anneal, *intervals, book.size, book.dim, *weights)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("lagma", (50_000, 10, 40, 64, 8, 1.0, 0.5, 0.5)),
        ("lagma_official", (50_000, 10, 40, 64, 8, 1.0, 0.5, 0.5)),
        ("lagma_6h_vs_8z", (500_000, 10, 40, 256, 8, 2.0, 1.0, 1.0)),
        ("lagma_sparse_3m", (50_000, 40, 10, 256, 8, 2.0, 1.0, 1.0)),
        ("lagma_sparse_8m", (50_000, 10, 20, 256, 8, 2.0, 1.0, 1.0)),
        ("lagma_sparse_2s3z", (50_000, 40, 10, 256, 8, 2.0, 1.0, 1.0)),
        ("lagma_sparse_2m_vs_1z", (500_000, 10, 20, 256, 8, 2.0, 1.0, 1.0)),
    ],
)
def test_preset_holds_the_published_values(name, values):
    assert tuned(name) == values


def test_default_is_the_recommended_resolution():
    bonus = preset("lagma").bonus
    assert bonus == LagmaBonusConfig()
    assert bonus.codebook == VqConfig()
    assert (bonus.coverage, bonus.padding) == ("timestep", "masked")
    assert (bonus.start, bonus.window, bonus.k) == (50_000, 100, 30)
    assert (bonus.update_interval, bonus.resample_interval) == (40, 5)


def test_official_preset_is_the_published_behaviour():
    bonus = preset("lagma_official").bonus
    assert bonus.padding == "included"
    assert (bonus.codebook.grad_clip, bonus.codebook.gradient) == (None, "per_code")
    assert (bonus.codebook.init, bonus.codebook.code_lr) == ("uniform", None)
    assert (bonus.phantom_zero, bonus.final_slot, bonus.warmup) == (True, True, 0)
    assert (bonus.pay_on_resample, bonus.pay_on_terminal) == (False, True)


def test_backbone_is_qmix_unchanged():
    qmix, recipe = preset("qmix"), preset("lagma")
    for item in fields(QmixConfig):
        same = getattr(recipe, item.name) == getattr(qmix, item.name)
        assert same == (item.name != "bonus"), item.name


def test_ablations_are_flags():
    bonus = preset(
        "lagma",
        *("bonus.codebook.size=128", "bonus.codebook.dim=4", "bonus.codebook.hidden_dim=32"),
        *("bonus.k=5", "bonus.window=50", "bonus.goal_only=True", "bonus.start=0"),
        "bonus.coverage=all",
    ).bonus
    book = bonus.codebook
    assert (book.size, book.dim, book.hidden_dim) == (128, 4, 32)
    assert bonus.coverage == "all"
    assert (bonus.k, bonus.window) == (5, 50)
    assert bonus.goal_only
    assert preset("lagma", "bonus.codebook.grad_clip=None").bonus.codebook.grad_clip is None
    assert preset("lagma", "bonus.coverage=none").bonus.coverage == "none"


FSQ = "bonus.codebook.kind=fsq"


@pytest.mark.parametrize("name", ["lagma", "lagma_official", "lagma_tuned", "lagma_sparse_3m"])
def test_a_grid_of_rounded_numbers_is_a_flag(name):
    bonus = preset(name, FSQ).bonus
    assert bonus.codebook == FsqConfig()  # nothing of what the file tunes for vq
    assert bonus.coverage == "none"
    book = preset(name, FSQ, "bonus.codebook.levels=[8,5,5]", "bonus.coverage=none").bonus.codebook
    assert book.levels == (8, 5, 5)


@pytest.mark.parametrize(
    ("flag", "line"),
    [
        ("bonus.coverage=all", "bonus.coverage: no loss moves the codes of codebook.kind=fsq"),
        ("bonus.coverage=timestep", "bonus.coverage: .* set it to none"),
        ("bonus.codebook.size=8", "size: belongs to bonus.codebook.kind=vq, and this is fsq"),
        ("bonus.codebook.commit_weight=0", "commit_weight: belongs to bonus.codebook.kind=vq"),
        ("bonus.codebook.levels=[1]", "bonus.codebook.levels: each must be within 2"),
    ],
)
def test_what_only_learnt_codes_have_is_refused_for_a_grid(flag, line):
    with pytest.raises(ConfigError, match=line):
        preset("lagma", FSQ, flag)


def test_levels_without_their_kind_are_refused():
    with pytest.raises(ConfigError, match=r"levels: belongs to bonus\.codebook\.kind=fsq"):
        preset("lagma", "bonus.codebook.levels=[4,4]")


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("bonus.coverage=cvr_all", "bonus.coverage"),
        ("bonus.codebook.size=0", "bonus.codebook.size"),
        ("bonus.windows=3", "bonus.window"),
        ("bonus.padding=zeros", "bonus.padding"),
    ],
)
def test_wrong_flag_is_refused_with_its_path(flag, message):
    with pytest.raises(ConfigError, match=message):
        preset("lagma", flag)


def test_slices_are_refused():
    recipe = LagmaConfig(sampler=SliceSamplerConfig(length=3))
    with pytest.raises(ConfigError, match="whole episodes"):
        recipe.build(SMALL, CPU)


def test_goal_only_without_wins_is_refused():
    recipe = LagmaConfig(bonus=LagmaBonusConfig(goal_only=True))
    with pytest.raises(ConfigError, match=r"goal_only.*does not report wins"):
        recipe.build(SMALL, CPU)
    recipe.build(STALKERS, CPU)


def test_epsilon_of_the_published_schedule():
    epsilon = EpsilonConfig(start=1.0, end=0.05, anneal=50_000)
    found = [epsilon.at(t) for t in (0, 25_000, 50_000, 10**6)]
    assert found == pytest.approx([1.0, 0.525, 0.05, 0.05])


def losses(recipe: QmixConfig, updates: int = 6) -> list[float]:
    torch.manual_seed(0)
    learner = recipe.build(SMALL, CPU).learner
    found = []
    for update in range(updates):
        batch = random_batch(SMALL, 4, seed=update, lengths=[9, 5, 3, 7])
        progress = Progress(t_env=update + 1, episode=update, update=update)
        metrics = learner.update({BATCH: batch}, progress)
        assert all(value.ndim == 0 for value in metrics.values())
        found.append(metrics["loss"].item())
    return found


def test_lagma_without_its_reward_is_qmix_bit_for_bit():
    idle = LagmaConfig(bonus=LagmaBonusConfig(enabled=False, start=0, update_interval=1))
    assert losses(idle) == losses(QmixConfig())


def test_before_the_start_lagma_is_qmix_bit_for_bit():
    assert losses(LagmaConfig()) == losses(QmixConfig())


def test_past_the_start_the_bonus_moves_the_target():
    book = VqConfig(lr=0.05, update_interval=1)  # soon more than one code is in use
    active = LagmaConfig(
        bonus=LagmaBonusConfig(start=0, warmup=0, update_interval=1, codebook=book)
    )
    found, plain = losses(active, 12), losses(QmixConfig(), 12)
    assert found[0] == plain[0]  # windows open at the first update after episode 0
    assert found[1:] != plain[1:]


ACTIVE = ("bonus.start=0", "bonus.warmup=0", "bonus.update_interval=1")
MOVING = ("bonus.codebook.lr=0.05", "bonus.codebook.update_interval=1")  # soon several codes


def test_qmix_with_the_bonus_is_lagma():
    qmix, lagma = preset("qmix", "bonus.kind=lagma"), preset("lagma")
    for item in fields(lagma):
        assert getattr(qmix, item.name) == getattr(lagma, item.name), item.name
    found = losses(preset("qmix", "bonus.kind=lagma", *ACTIVE, *MOVING), 12)
    assert found == losses(preset("lagma", *ACTIVE, *MOVING), 12)
    assert found != losses(preset("qmix"), 12)  # so it does pay


def test_the_bonus_pays_on_a_grid_too():
    found, plain = losses(preset("lagma", FSQ, *ACTIVE, *MOVING), 32), losses(preset("qmix"), 32)
    assert found[0] == plain[0]
    assert found[1:] != plain[1:]
    assert all(math.isfinite(loss) for loss in found)


@pytest.mark.parametrize("kind", ["independent", "vdn"])
def test_the_bonus_pays_on_other_mixers(kind):
    recipe = preset("lagma", f"mixer.kind={kind}", *ACTIVE, *MOVING)
    plain = preset("qmix", f"mixer.kind={kind}")
    assert recipe.mixer.kind == kind
    found, expected = losses(recipe, 32), losses(plain, 32)
    assert found[0] == expected[0]
    assert found[1:] != expected[1:]
    assert all(math.isfinite(loss) for loss in found)


def test_update_reports_how_the_codebook_and_the_bonus_fare():
    torch.manual_seed(0)
    learner = LagmaConfig(bonus=LagmaBonusConfig(start=0)).build(SMALL, CPU).learner
    metrics = learner.update({BATCH: random_batch(SMALL, 4)}, Progress(t_env=1, episode=31))
    expected = "codebook_usage codebook_perplexity intrinsic_mean intrinsic_paid vq_loss"
    expected += " coverage_loss recon_loss commit_loss vae_grad_norm"
    assert set(expected.split()) <= metrics.keys()
    assert not isinstance(learner.bonus, NoBonus)


@pytest.mark.slow  # a busy machine may miss it
def test_update_costs_at_most_1_15_of_a_qmix_update():
    """CPU time, best of each kind of update; one in ten takes a step of the quantiser too."""
    batch = random_batch(STALKERS, 32)
    qmix = QmixConfig().build(STALKERS, CPU).learner
    active = LagmaConfig(bonus=LagmaBonusConfig(start=0, warmup=0, update_interval=1))
    lagma = active.build(STALKERS, CPU).learner
    kinds = {"qmix": (qmix, 0), "plain": (lagma, 0), "quantiser": (lagma, 10)}
    lagma.update({BATCH: batch}, Progress(t_env=1, episode=10))  # compiles the walk
    best = dict.fromkeys(kinds, float("inf"))
    episode = 10
    for _ in range(4):
        for kind, (learner, episodes) in kinds.items():
            episode += episodes
            start = time.process_time()
            learner.update({BATCH: batch}, Progress(t_env=1, episode=episode))
            best[kind] = min(best[kind], time.process_time() - start)
    print({kind: f"{1000 * seconds:.0f} ms" for kind, seconds in best.items()})
    assert 0.9 * best["plain"] + 0.1 * best["quantiser"] < 1.15 * best["qmix"]
    assert best["quantiser"] < 1.3 * best["qmix"]  # the only kind until the start: 1.1 if quiet
