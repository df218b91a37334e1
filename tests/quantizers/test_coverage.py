"""J(t), the codes that each slot pulls; all worked by hand."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marl.quantizers.coverage import codes_of_slot, coverage_weights


def sets(n_codes, horizon, leftovers="official"):
    return [codes_of_slot(t, n_codes, horizon, leftovers) for t in range(horizon)]


def test_codes_are_dealt_to_slots_in_blocks():
    assert sets(8, 4) == [[0, 1], [2, 3], [4, 5], [6, 7]]


def test_neighbouring_slots_share_a_code_when_there_are_fewer_codes_than_slots():
    assert sets(4, 8) == [[0], [0], [1], [1], [2], [2], [3], [3]]


def test_left_over_codes_go_to_the_first_slots():
    assert sets(10, 4) == [[0, 1, 8], [2, 3, 9], [4, 5], [6, 7]]
    assert sets(8, 3) == [[0, 1, 6], [2, 3, 7], [4, 5]]


def test_balanced_blocks_are_contiguous():
    assert sets(10, 4, "balanced") == [[0, 1], [2, 3, 4], [5, 6], [7, 8, 9]]
    assert sets(4, 8, "balanced") == sets(4, 8)


@pytest.mark.parametrize(
    ("n_codes", "horizon", "slot", "codes"),
    [
        (64, 61, 0, [0, 61]),
        (64, 61, 1, [1, 62]),
        (64, 61, 2, [2, 63]),
        (64, 61, 3, [3]),
        (64, 61, 60, [60]),
        (64, 71, 1, [0]),
        (64, 71, 2, [1]),
        (64, 71, 70, [63]),
        (256, 121, 0, [0, 1, 242]),
        (256, 121, 13, [26, 27, 255]),
        (256, 121, 14, [28, 29]),
        (16, 98, 49, [8]),  # floating point would give 7
        (98, 196, 98, [49]),
    ],
)
def test_worked_sets(n_codes, horizon, slot, codes):
    assert codes_of_slot(slot, n_codes, horizon, "official") == codes


@settings(deadline=None)
@given(st.integers(1, 300), st.integers(1, 300), st.sampled_from(["official", "balanced"]))
def test_every_code_is_pulled_once_if_there_are_enough_and_in_order_if_not(
    n_codes, horizon, leftovers
):
    found = [code for codes in sets(n_codes, horizon, leftovers) for code in codes]
    if n_codes >= horizon:
        assert sorted(found) == list(range(n_codes))
    else:
        assert len(found) == horizon
        assert found == sorted(found)
        assert set(found) == set(range(n_codes))


def test_slot_outside_the_horizon_is_refused():
    with pytest.raises(ValueError, match="outside the horizon"):
        codes_of_slot(4, 8, 4, "official")


def test_weights_share_a_slot_among_its_codes():
    weights = coverage_weights("timestep", 10, 4, "official")
    assert weights[0].tolist() == pytest.approx([1 / 3, 1 / 3, 0, 0, 0, 0, 0, 0, 1 / 3, 0])
    assert weights[2].tolist() == [0, 0, 0, 0, 0.5, 0.5, 0, 0, 0, 0]
    assert coverage_weights("all", 4, 2, "official").tolist() == [[0.25] * 4] * 2
    assert coverage_weights("none", 4, 2, "official") is None
