"""The latent-goal bonus: worked cases, a naive reference, exact continuation."""

import io
from dataclasses import fields, replace
from itertools import product

import numpy as np
import pytest
import torch
from builders import SMALL, random_batch
from naive_lagma import NaiveLagma
from numpy.typing import NDArray
from torch import nn

from marl.batch import WON, EpisodeBatch, layout_of
from marl.intrinsic.lagma.bonus import LagmaBonusConfig, LatentGoalBonus
from marl.intrinsic.lagma.trajectories import push
from marl.learners.targets import td_targets
from marl.protocols.loop import Progress
from marl.quantizers.vq import VectorQuantizer
from marl.quantizers.vq_learner import VqConfig, VqLearner
from marl.spec import Discrete, EnvSpec

NEVER = 10**9
GAMMA = 0.99
LINE = EnvSpec("test/line", 1, Discrete(1), obs_dim=1, state_dim=1, episode_limit=9)


def line_bonus(n_codes=8, **options) -> LatentGoalBonus:
    """Codes at 0, 1, 2, ... on a line and the identity as encoder: the state is its code."""
    quantizer = VectorQuantizer(1, n_codes, 1, 4)
    quantizer.encoder = nn.Identity()
    quantizer.codebook.data.copy_(torch.arange(n_codes)[:, None])
    codebook = VqConfig(size=n_codes, dim=1, update_interval=NEVER, init="uniform")
    fixed = {"start": 0, "warmup": 0, "update_interval": NEVER, "k": 1, "codebook": codebook}
    config = LagmaBonusConfig(**{**fixed, **options})
    learner = VqLearner(quantizer, codebook, config.coverage, limit=10)
    bonus = LatentGoalBonus(learner, config, GAMMA, 1, seed=0)
    bonus.has_returns = True
    return bonus


def visits(*codes: int, count: int = 8, slot: int = 99) -> NDArray[np.int32]:
    """A trajectory's last visits: of these codes at `slot`, and of no others."""
    return np.where(np.isin(np.arange(count), codes), slot, -1).astype(np.int32)


def line_batch(codes: list[int], terminated=False) -> EpisodeBatch:
    """One episode through these codes, reward 1 a step."""
    batch = EpisodeBatch.zeros(layout_of(LINE, [WON]), 1, len(codes) - 1)
    batch.state[0, :, 0] = torch.tensor(codes, dtype=torch.float32)
    batch.reward.fill_(1.0)
    batch.filled.fill_(True)
    batch.terminated[0, -1] = terminated
    return batch


def one_step(codes=(0, 1), code_value=10.0, tau=(0, 1), value=7.0, terminated=False, **options):
    """Bonus and target of a step between two codes, the second of value `code_value`."""
    bonus = line_bonus(**options)
    if code_value is not None:
        bonus.values.push(torch.tensor([codes[1]]).numpy(), torch.tensor([code_value]).numpy())
    push(bonus.goals.lists, codes[0], 1e9, visits(*tau), (99, 0), False)
    batch = line_batch(list(codes), terminated)
    bootstrap = torch.full((1, 1, 1), value)
    paid, _ = bonus(batch, bootstrap, Progress(t_env=1, episode=1))
    target = td_targets(batch.reward, batch.terminated, bootstrap, GAMMA, paid)
    return paid.item(), target.item()


def test_paid_step_learns_the_better_of_value_and_code_value():
    assert one_step() == pytest.approx((2.97, 10.90), abs=1e-5)  # 1 + 0.99 * 10


def test_code_value_below_the_bootstrap_pays_nothing():
    assert one_step(code_value=5.0) == pytest.approx((0.0, 7.93), abs=1e-5)


def test_code_outside_the_reference_pays_nothing():
    assert one_step(tau=(0, 2))[0] == 0.0


def test_staying_in_the_same_code_pays_nothing():
    assert one_step(codes=(1, 1))[0] == 0.0


def test_code_without_returns_pays_nothing():
    assert one_step(code_value=None, value=-2.0)[0] == 0.0


def test_published_code_without_returns_has_value_zero():
    paid, _ = one_step(code_value=None, value=-2.0, phantom_zero=True)
    assert paid == pytest.approx(1.98)
    assert one_step(code_value=None, value=7.0, phantom_zero=True)[0] == 0.0


def test_terminal_transition_pays_only_when_asked_to():
    assert one_step(terminated=True) == (0.0, 1.0)
    paid, target = one_step(terminated=True, pay_on_terminal=True)
    assert (paid, target) == pytest.approx((2.97, 3.97), abs=1e-5)


def test_disabled_bonus_pays_nothing_and_keeps_no_trajectories():
    assert one_step(enabled=False)[0] == 0.0


def test_bonus_fits_any_number_of_values_per_step():
    bonus = line_bonus()
    bonus.values.push(torch.tensor([1]).numpy(), torch.tensor([10.0]).numpy())
    batch = line_batch([0, 1])
    bootstrap = torch.tensor([[[7.0, 12.0, 9.0]]])
    paid, _ = bonus(batch, bootstrap, Progress(t_env=1, episode=1))
    assert paid.flatten().tolist() == pytest.approx([2.97, 0.0, 0.99])


def test_nothing_of_the_bootstrap_is_kept():
    low, high = small_bonus(vq_interval=2), small_bonus(vq_interval=2)
    for batch, bootstrap, progress in stream(6):
        paid = [low(batch, bootstrap, progress)[0], high(batch, bootstrap + 0.5, progress)[0]]
    assert not torch.equal(*paid)
    assert_equal_states(low.state_dict(), high.state_dict())


def test_nothing_is_kept_or_paid_before_the_start():
    bonus = line_bonus(start=50_000, update_interval=10)
    bonus.has_returns = False
    batch = line_batch([0, 1, 2, 1, 0])

    def paid(t_env: int, episode: int) -> float:
        progress = Progress(t_env=t_env, episode=episode)
        return bonus(batch, torch.full((1, 4, 1), -9.0), progress)[0].sum().item()

    assert paid(49_999, 31) == 0.0
    assert bonus.goals.lists.size.sum() == 0
    assert not bonus.values.known.any()
    assert paid(50_001, 32) == 0.0  # past the start, but the windows' interval has not passed
    assert paid(50_001, 41) > 0.0
    before = bonus.values.pushed.sum()
    assert paid(50_001, 42) > 0.0  # lists go on in every update, windows do not
    assert bonus.values.pushed.sum() == before


def small_bonus(padding="masked", vq_interval=NEVER, **options) -> LatentGoalBonus:
    """Six codes that random states of SMALL really reach, drawn from encoded states."""
    torch.manual_seed(5)
    quantizer = VectorQuantizer(SMALL.state_dim, 6, 3, 16)
    with torch.no_grad():
        quantizer.codebook.copy_(quantizer.encoder(torch.rand(6, SMALL.state_dim)))
    sizes = {"size": 6, "dim": 3, "hidden_dim": 16, "lr": 0.01, "code_lr": None, "init": "uniform"}
    codebook = VqConfig(**sizes, update_interval=vq_interval)
    small = {"start": 0, "update_interval": 2, "window": 7, "k": 4, "resample_interval": 3}
    small["warmup"] = 0
    config = LagmaBonusConfig(**{**small, "codebook": codebook, "padding": padding, **options})
    learner = VqLearner(quantizer, codebook, config.coverage, limit=SMALL.episode_limit + 1)
    return LatentGoalBonus(learner, config, GAMMA, SMALL.state_dim, seed=4)


def stream(updates: int):
    """Batches with repeats, losses, padding and episodes cut off by a time limit."""
    for update in range(updates):
        batch = random_batch(SMALL, 5, seed=update % 3, lengths=[7, 9, 1, 4, 6])
        batch.reward.sub_(0.4 * batch.filled)
        batch.terminated[0] = False
        rng = torch.Generator().manual_seed(100 + update)
        bootstrap = torch.rand(5, 9, 1, generator=rng) - 0.8
        yield batch, bootstrap, Progress(t_env=update + 1, episode=update)


CHOICES = {
    "phantom_zero": (False, True),
    "final_slot": (False, True),
    "pay_on_resample": (True, False),
    "pay_on_terminal": (False, True),
    "goal_only": (False, True),
    "dedup": (False, True),
    "in_order": (False, True),
    "windows": ("stored", "reencoded"),
    "baseline": ("state", "code"),
    "sampling": ("uniform", "softmax"),
    "priority": ("return_to_go", "cq"),
}


@pytest.mark.parametrize("padding", ["masked", "included"])
@pytest.mark.parametrize("sampling", CHOICES["sampling"])
@pytest.mark.parametrize("priority", CHOICES["priority"])
def test_bonus_equals_the_naive_reference_under_all_options(padding, sampling, priority):
    names = [name for name in CHOICES if name not in ("sampling", "priority")]
    for values in product(*(CHOICES[name] for name in names)):
        options = dict(zip(names, values, strict=True), sampling=sampling, priority=priority)
        if options["in_order"]:  # with the other new ones, so that not all have to be combined
            options |= {"min_returns": 3, "spread": 0.25, "max_age": 2}
        paid = compare_with_naive(small_bonus(padding, **options))
        assert paid > 2


def compare_with_naive(bonus: LatentGoalBonus) -> int:
    """Every element of six updates; returns how many steps were paid."""
    naive = NaiveLagma(6, bonus.config, GAMMA)
    paid_steps = 0
    for batch, bootstrap, progress in stream(6):
        rng = torch.Generator()
        rng.set_state(bonus.goals.rng.get_state())
        paid = bonus(batch, bootstrap, progress)[0][..., 0]  # [B,T]
        codes = bonus.codebook.quantizer.encode(batch.state).tolist()
        if progress.episode in (2, 4) or progress.t_env <= bonus.config.start:
            naive.keep_returns(batch, codes, progress.episode)
        if progress.episode < 2:
            assert paid.abs().sum() == 0
            continue
        draws = -(-(batch.steps + 1) // bonus.config.resample_interval)
        uniforms = torch.rand(batch.size, draws, generator=rng, dtype=torch.float64).tolist()
        values = bootstrap[..., 0].tolist()
        if bonus.config.baseline == "code":
            of_code = naive.expected(batch, codes, values)
            values = [[of_code.get(code, 0.0) for code in row[1:]] for row in codes]
        for b in range(batch.size):
            expected = naive.walk(batch, b, codes[b], values[b], uniforms[b])
            assert paid[b].tolist() == pytest.approx(expected, abs=1e-5), (bonus.config, b)
        for code in range(6):
            held = bonus.goals.lists.priority[code, : bonus.goals.lists.size[code]]
            ranks = [item[0] for item in naive.lists[code]]
            assert held.tolist() == pytest.approx(ranks, abs=1e-9)
        paid_steps += int((paid > 0).sum())
    return paid_steps


def outputs(padding="masked", vq_interval=3, **options) -> list[torch.Tensor]:
    bonus = small_bonus(padding, vq_interval, **options)
    return [bonus(batch, bootstrap, progress)[0] for batch, bootstrap, progress in stream(9)]


CHANGES: list[dict] = [  # of the options that `small_bonus` sets
    {"enabled": False},
    {"start": 5},
    {"update_interval": 3},
    {"window": 8},
    {"k": 3},
    {"resample_interval": 4},
    {"goal_only": True},
    {"priority": "cq"},
    {"sampling": "softmax"},
    {"dedup": True},
    {"phantom_zero": True, "window": 100},
    {"final_slot": True},
    {"pay_on_resample": False},
    {"pay_on_terminal": True},
    {"warmup": 4},
    {"windows": "stored"},
    {"max_age": 1},
    {"min_returns": 7},
    {"spread": 0.5},
    {"baseline": "code"},
    {"calibrated": True},
    {"in_order": True},
    {"padding": "included"},
    {"coverage": "none"},
    {"vq_interval": 2},
]


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_every_option_changes_what_is_paid(change):
    plain = outputs(**({"window": 100} if "window" in change and len(change) > 1 else {}))
    changed = outputs(**change)
    assert any(not torch.equal(a, b) for a, b in zip(plain, changed, strict=True))


def test_every_option_has_a_test_above():
    names = {name for change in CHANGES for name in change}
    options = {field.name for field in fields(LagmaBonusConfig)}
    assert options - {"codebook"} <= names  # of which vq_interval is one


def test_goal_only_keeps_trajectories_of_won_episodes_alone():
    bonus = small_bonus(goal_only=True)
    for batch, bootstrap, progress in stream(6):
        batch["won"].copy_(torch.tensor([False, True, False, False, False]))
        bonus(batch, bootstrap, progress)
    lists = bonus.goals.lists
    held = [lists.origin[c, p, 0] for c in range(6) for p in lists.place[c, : lists.size[c]]]
    assert set(held) == {1}  # the episode that was won


def test_padding_changes_nothing_when_masked():
    """Codes, windows, lists and losses of a batch with three empty columns more are the same."""
    short, long = small_bonus(vq_interval=1), small_bonus(vq_interval=1)
    for bonus, limit in ((short, None), (long, 10)):
        bonus.codebook.config = replace(bonus.codebook.config, horizon="limit")
        assert limit is None or bonus.codebook.limit == limit
    cut = random_batch(SMALL, 3, seed=1, lengths=[6, 2, 4])
    padded = random_batch(SMALL, 4, seed=9, lengths=[6, 2, 4, 9])
    for name in cut.layout:
        ours, theirs = padded[name][:3], cut[name]
        if ours.shape == theirs.shape:
            ours.copy_(theirs)
        else:
            ours[:, : theirs.shape[1]] = theirs
    padded = padded.map(lambda tensor: tensor[:3])
    assert (cut.steps, padded.steps) == (6, 9)
    for episode in (2, 3):
        _, first = short(cut, torch.zeros(3, 6, 1), Progress(1, episode))
        _, second = long(padded, torch.zeros(3, 9, 1), Progress(1, episode))
        for name, value in first.items():
            assert value.item() == pytest.approx(second[name].item(), abs=1e-6), name


def test_metrics_describe_the_batch():
    bonus = line_bonus(n_codes=4)
    bonus.values.push(torch.tensor([1, 2]).numpy(), torch.tensor([10.0, 6.0]).numpy())
    batch = line_batch([0, 1, 0, 1, 0])
    _, metrics = bonus(batch, torch.zeros(1, 4, 1), Progress(t_env=1, episode=1))
    assert metrics["codebook_usage"].item() == 0.5  # codes 0 and 1 of 4
    # shares 3/5 and 2/5: exp(-(0.6 ln 0.6 + 0.4 ln 0.4)) = exp(0.673012)
    assert metrics["codebook_perplexity"].item() == pytest.approx(1.960132, abs=1e-5)
    assert metrics["code_value_mean"].item() == 8.0
    assert metrics["trajectories_held"].item() == 1.0
    # The two moves into code 1 pay 9.9 each.
    assert metrics["intrinsic_mean"].item() == pytest.approx(2 * 9.9 / 4)
    assert metrics["intrinsic_paid"].item() == 0.5


def test_losses_of_the_last_step_stay_between_steps():
    bonus = small_bonus(vq_interval=3)
    names = {"recon_loss", "vq_loss", "commit_loss", "coverage_loss", "vae_grad_norm"}
    seen = []
    for batch, bootstrap, progress in stream(8):
        later = Progress(t_env=1, episode=progress.episode + 3)
        _, metrics = bonus(batch, bootstrap, later)
        assert names <= metrics.keys()
        seen.append(metrics["vq_loss"].item())
    assert seen[0] == seen[1] == seen[2] != seen[3] == seen[4]


def test_continuing_from_a_saved_state_is_never_having_stopped():
    plain, resumed = small_bonus(vq_interval=2), small_bonus(vq_interval=2)
    steps = list(stream(10))
    for batch, bootstrap, progress in steps[:5]:
        plain(batch, bootstrap, progress)
    file = io.BytesIO()
    torch.save(plain.state_dict(), file)
    file.seek(0)
    resumed.load_state_dict(torch.load(file, weights_only=True))
    for batch, bootstrap, progress in steps[5:]:
        paid, first = plain(batch, bootstrap, progress)
        again, second = resumed(batch, bootstrap, progress)
        assert first.keys() == second.keys()
        assert all(torch.equal(first[name], second[name]) for name in first)
        assert torch.equal(paid, again)
    assert_equal_states(plain.state_dict(), resumed.state_dict())


def assert_equal_states(first, second) -> None:
    assert type(first) is type(second)
    if isinstance(first, dict):
        assert first.keys() == second.keys()
        for key in first:
            assert_equal_states(first[key], second[key])
    elif isinstance(first, list | tuple):
        for a, b in zip(first, second, strict=True):
            assert_equal_states(a, b)
    elif isinstance(first, torch.Tensor):
        assert torch.equal(first, second)
    else:
        assert first == second


def test_saved_state_is_a_copy():
    bonus = small_bonus()
    state = bonus.state_dict()
    before = state["values"]["pushed"].clone()
    for batch, bootstrap, progress in stream(4):
        bonus(batch, bootstrap, progress)
    assert torch.equal(state["values"]["pushed"], before)


def test_state_of_another_size_is_refused():
    with pytest.raises(ValueError, match="priority was saved with shape"):
        small_bonus(k=5).load_state_dict(small_bonus(k=4).state_dict())
