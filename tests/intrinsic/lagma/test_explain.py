"""What LAGMA says of an episode to look at: what training would have paid, and nothing changes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from intrinsic.lagma.test_bonus import GAMMA, line_batch, line_bonus, visits

from marl.intrinsic.lagma.explain import code_map
from marl.intrinsic.lagma.trajectories import push
from marl.protocols.loop import Progress


def known(bonus, *codes: int) -> None:
    """Code c has value 10 c."""
    bonus.values.push(np.array(codes), np.array([10.0 * code for code in codes]))


def reference(bonus, code: int, *members: int) -> None:
    """The one trajectory kept at a code, better than any other."""
    push(bonus.goals.lists, code, 1e9, visits(*members), (99, 7), False)


def test_a_move_to_a_code_of_the_reference_is_paid_and_shown():
    bonus = line_bonus(resample_interval=2)
    known(bonus, 1, 2)
    reference(bonus, 0, 0, 1)
    told = bonus.explain(line_batch([0, 1, 1, 2]), torch.full((1, 3, 1), 7.0))
    assert told["code"].tolist() == [0, 1, 1, 2]
    assert told["cq"][1:].tolist() == [10.0, 10.0, 20.0]
    assert told["cq"][0].isnan()  # no return was ever seen from code 0
    assert told["intrinsic"].tolist() == pytest.approx([GAMMA * 3.0, 0.0, 0.0])
    assert told["goal"].nonzero().tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert told["goal_from"].tolist() == [[99, 7], [99, 7], [-1, -1], [-1, -1]]


def test_it_is_what_training_pays():
    codes, bootstrap = [0, 1, 0, 2, 3, 2, 1], torch.linspace(2.0, 12.0, 6).view(1, 6, 1)
    bonus = line_bonus(resample_interval=3, goal_only=True)
    known(bonus, 1, 2, 3)
    for code in (0, 2):
        reference(bonus, code, 1, 3)  # a list of one: whatever is drawn, it is this
    batch = line_batch(codes)  # lost, so that training keeps nothing of it before it draws
    told = bonus.explain(batch, bootstrap)["intrinsic"]
    paid = bonus(batch, bootstrap, Progress(t_env=1, episode=1))[0][0, :, 0]
    assert (paid > 0).any()
    np.testing.assert_allclose(told, paid, rtol=1e-6)


def test_explaining_changes_nothing():
    bonus = line_bonus()
    known(bonus, 1)
    reference(bonus, 0, 0, 1)

    def numbers() -> list[object]:
        state = bonus.state_dict()
        parts = [*state["lists"].values(), *state["values"].values(), state["rng"]]
        return [torch.as_tensor(part).clone() for part in parts]

    before = numbers()
    bonus.explain(line_batch([0, 1, 0]), torch.zeros(1, 2, 1))
    assert all(torch.equal(one, other) for one, other in zip(before, numbers(), strict=True))


def test_before_the_start_nothing_is_paid():
    bonus = line_bonus()
    bonus.has_returns = False
    known(bonus, 1)
    reference(bonus, 0, 0, 1)
    assert bonus.explain(line_batch([0, 1]), torch.zeros(1, 1, 1))["intrinsic"].tolist() == [0.0]


def test_the_map_shows_codes_along_the_axes_on_which_they_differ_most():
    codebook = torch.tensor([[0.0, 5.0, 0.0], [8.0, 5.0, 0.0], [4.0, 5.0, 1.0], [4.0, 5.0, -1.0]])
    found = code_map(codebook, np.arange(4.0))
    assert np.abs(found["code_x"]).tolist() == pytest.approx([4.0, 4.0, 0.0, 0.0])
    assert np.abs(found["code_y"]).tolist() == pytest.approx([0.0, 0.0, 1.0, 1.0])


def test_codes_of_one_number_have_a_map_too():
    assert code_map(torch.arange(3.0)[:, None], np.zeros(3))["code_y"].tolist() == [0.0] * 3


def test_assessment_says_where_paid_steps_lead():
    bonus = line_bonus(resample_interval=9)
    known(bonus, 1, 2, 3)
    reference(bonus, 0, 0, 1, 2)
    batch, bootstrap = line_batch([0, 1, 2, 3]), torch.tensor([4.0, 25.0, 1.0]).view(1, 3, 1)
    returns = torch.tensor([[2.9, 1.9, 1.0, 0.0]])
    found = bonus.assess(batch, bootstrap, returns)
    assert found["paid"].item() == pytest.approx(1 / 3)  # 2 is worth less than Q, 3 is no goal
    assert found["paid_code_value"].item() == 10.0
    assert found["paid_value"].item() == 4.0
    assert found["paid_return"].item() == pytest.approx(1.9)
    of_known = np.array([1.9, 1.0, 0.0])
    explained = 1 - np.square(of_known - [10, 20, 30]).mean() / of_known.var()
    assert found["code_return_r2"].item() == pytest.approx(explained, rel=1e-5)


def test_without_a_paid_step_nothing_is_said_of_them():
    found = line_bonus().assess(line_batch([0, 1]), torch.zeros(1, 1, 1), torch.zeros(1, 2))
    assert set(found) == {"paid"}
    assert found["paid"].item() == 0.0
