"""Films: the recorder, the file, and malformed files."""

from __future__ import annotations

import json
import struct
import zlib
from contextlib import suppress

import numpy as np
import pytest
from arena import NAMES, OPEN, TYPES, Arena
from hypothesis import given, settings
from hypothesis import strategies as st

from marl.replay import container, film
from marl.replay.film import Film, Recorder, kinds_of


def recorder(**settings) -> Recorder:
    return Recorder("duel", 2**63 + 5, kinds_of(NAMES, TYPES), OPEN, **settings)


def duel(loops: int = 40, **settings) -> Film:
    """A stalker shoots at a marine 5 away, loop by loop."""
    arena = Arena([("Stalker", 10.0, 10.0)], [("Marine", 15.0, 10.0)]).act(6)
    camera = recorder(**settings)
    camera.frame(0, arena.units)
    for loop in range(1, loops + 1):
        camera.frame(loop, arena.run().units)
    return camera.finish({"battle_won": False})


def equal(one: Film, other: Film) -> bool:
    return one.to_bytes() == other.to_bytes()


def test_a_film_shows_where_units_stand_and_what_they_lose():
    made = duel()
    assert made.values("x")[0].tolist() == [10.0, 15.0]
    assert made.values("health")[0].tolist() == [80.0, 45.0]
    assert made.values("health")[-1, 1] < 45.0
    assert made.loops.tolist() == list(range(41))


def test_a_shot_is_seen_in_the_frame_in_which_the_weapon_begins_to_cool_down():
    made = duel()
    (fired,) = np.nonzero(made.columns["shot"][:, 0] == 1)
    assert len(fired) == 2
    stalker = TYPES.table[NAMES.index("Stalker")]
    early, late = stalker["period"] + stalker["delay_min"], stalker["period"] + stalker["delay_max"]
    assert early - 1 <= fired[1] - fired[0] <= late + 1  # and no third one within 40 loops
    assert made.columns["cooldown"][fired[0] - 1, 0] == 0
    assert (made.columns["missile"][fired[0] : fired[0] + 3, 0] == 1).all()  # on its way


def test_a_film_of_fewer_frames_sees_the_same_shots():
    arena = Arena([("Stalker", 10.0, 10.0)], [("Marine", 15.0, 10.0)]).act(6)
    camera = recorder()
    camera.frame(0, arena.units)
    for loop in range(8, 48, 8):
        camera.frame(loop, arena.run(8).units)
    assert (camera.finish().columns["shot"][:, 0] == 1).sum() == 2


def test_a_film_is_the_same_after_a_file():
    made = duel()
    read = Film.from_bytes(made.to_bytes())
    assert equal(made, read)
    assert read.seed == 2**63 + 5
    assert read.kinds == made.kinds
    for name, values in made.columns.items():
        np.testing.assert_array_equal(read.columns[name], values)


def test_units_that_join_later_were_not_there_before():
    arena = Arena([("Marine", 4.0, 4.0)], [("Zealot", 9.0, 9.0)])
    camera = recorder()
    camera.frame(0, arena.units[:0])
    camera.frame(1, arena.units[:1])
    camera.frame(2, arena.units)
    made = Film.from_bytes(camera.finish().to_bytes())
    assert made.values("health").tolist() == [[0, 0], [45, 0], [45, 100]]
    assert made.columns["target"].tolist() == [[-1, -1]] * 3


def test_a_battle_that_nobody_saw_is_an_empty_film():
    assert Film.from_bytes(recorder().finish().to_bytes()).loops.size == 0


def test_a_long_film_is_thinned_and_keeps_its_shots(monkeypatch):
    monkeypatch.setattr(film, "FRAMES", 30)
    made = duel(40)
    assert len(made.loops) <= 30
    assert set(np.diff(made.loops)) == {2}
    assert (made.columns["shot"][:, 0] == 1).sum() == 2


def test_a_film_of_a_crowd_is_thinned_to_the_bytes_that_are_read_again(monkeypatch):
    monkeypatch.setattr(film, "FRAME_BYTES", 30 * 2 * film.UNIT_BYTES)
    made = duel(40)
    assert len(made.loops) <= 30
    assert set(np.diff(made.loops)) == {2}


def test_channels_that_are_large_together_are_refused():
    many = {str(n): np.zeros(2**16, dtype=np.int64) for n in range(17)}
    with pytest.raises(
        ValueError, match="its channels have 1,114,112 numbers, more than 1,048,576"
    ):
        duel().with_channels(many).to_bytes()


def test_channels_come_back_as_near_as_their_levels():
    steps = np.linspace(-1.0, 3.0, 9)
    channels = {
        "return": steps,
        "q": np.where(np.eye(3) > 0, np.nan, np.arange(9.0).reshape(3, 3)),
        "code": np.array([3, -1, 70_000]),
    }
    read = Film.from_bytes(duel().with_channels(channels).to_bytes()).channels
    np.testing.assert_allclose(read["return"], steps, atol=4.0 / 65_000)
    np.testing.assert_allclose(read["q"], channels["q"], atol=7.0 / 253 / 2 + 1e-6)
    assert read["code"].tolist() == [3, -1, 70_000]


def rewritten(made: Film, **changes) -> bytes:
    """The film's bytes with another header."""
    content = zlib.decompress(made.to_bytes()[8:])
    (length,) = struct.unpack_from("<I", content)
    header = json.loads(content[4 : 4 + length]) | changes
    text = json.dumps(header).encode()
    return film.MAGIC + zlib.compress(struct.pack("<I", len(text)) + text + content[4 + length :])


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": "-1"},
        {"seed": 5},
        {"step_mul": 0},
        {"map": ["3m"]},
        {"kinds": []},
        {"kinds": [{"name": "Marine"}]},
        {"scales": {}},
        {"outcome": {"a": {"b": 1}}},
        {"channels": {"q": [0, 1]}},
        {"arrays": []},
        {"arrays": [["x", "u2", [2**40, 2**40]]]},
        {"arrays": [["x", "object", [1]]]},
    ],
)
def test_a_header_that_makes_no_sense_is_refused_in_one_line(changes):
    with pytest.raises(container.ReplayError, match="film"):
        Film.from_bytes(rewritten(duel(3), **changes))


def test_a_small_file_cannot_unpack_to_more_than_its_bound(monkeypatch):
    monkeypatch.setattr(container, "REPLAY_BYTES", 2**20)
    bomb = film.MAGIC + zlib.compress(bytes(2**24))
    assert len(bomb) < 2**15
    with pytest.raises(container.ReplayError, match="more than 1 MiB"):
        Film.from_bytes(bomb)


SHORT = duel(4).to_bytes()


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(SHORT) - 1), st.integers(0, 255), st.booleans())
def test_a_changed_or_cut_file_is_refused_or_the_same(at, byte, cut):
    data = SHORT[:at] if cut else SHORT[:at] + bytes([byte]) + SHORT[at + 1 :]
    with suppress(container.ReplayError):
        assert Film.from_bytes(data).to_bytes() == SHORT


PLAIN = zlib.decompress(SHORT[8:])


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(PLAIN) - 1), st.integers(0, 255))
def test_a_film_with_any_byte_changed_is_refused_or_a_film(at, byte):
    changed = PLAIN[:at] + bytes([byte]) + PLAIN[at + 1 :]
    with suppress(container.ReplayError):
        Film.from_bytes(film.MAGIC + zlib.compress(changed)).to_bytes()
