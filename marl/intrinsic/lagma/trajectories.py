"""D_tau: for each code, the best trajectories seen to start at it (Na & Moon 2024).

A trajectory is kept as its last visit of each code: all that is asked is whether a code is in it,
and whether that is still to come. Lists are sorted, worst first. A list's rows lie in `last` in any
order; `place` says where, so that only numbers move when a trajectory is inserted.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from marl.compiled.jit import allocating


class Lists(NamedTuple):
    """k places for each of K codes."""

    size: NDArray[np.int64]  # [K], trajectories held
    priority: NDArray[np.float64]  # [K,k], ascending over the first `size`
    place: NDArray[np.int64]  # [K,k], a permutation of 0..k-1: where each one's rows lie
    # [K,k,K], by place: slots from its start to its last visit of each code; -1: it never visits
    last: NDArray[np.int32]
    origin: NDArray[np.int64]  # [K,k,2], its episode's number and first slot; by place


class WalkRules(NamedTuple):
    """Rules for walking an episode."""

    interval: int  # n_freq, slots between two draws of a reference
    pay_on_resample: bool  # a transition into a drawing slot is judged by the reference before
    softmax: bool  # draw by softmax of the priorities instead of uniformly
    dedup: bool  # one place for the same slot of the same episode
    in_order: bool = False  # the reference must visit the code as late as the episode, or later


def empty_lists(n_codes: int, k: int) -> Lists:
    """Lists that hold nothing."""
    return Lists(
        size=np.zeros(n_codes, dtype=np.int64),
        priority=np.zeros((n_codes, k)),
        place=np.tile(np.arange(k), (n_codes, 1)),
        last=np.full((n_codes, k, n_codes), -1, dtype=np.int32),
        origin=np.zeros((n_codes, k, 2), dtype=np.int64),
    )


def check_lists(lists: Lists) -> None:
    """ValueError where lists from a checkpoint say what would lead compiled code out of them."""
    k = lists.place.shape[1]
    if not ((lists.size >= 0) & (lists.size <= k)).all():
        raise ValueError(f"a list of trajectories holds more than {k} or fewer than none")
    if not (np.sort(lists.place, axis=1) == np.arange(k)).all():
        raise ValueError("a list's places are no permutation")


@allocating
def push(
    lists: Lists,
    code: int,
    priority: float,
    last: NDArray[np.int32],
    origin: tuple[int, int],
    dedup: bool,
) -> None:
    """Offer a trajectory that starts at `code`; last: [K].

    A full list drops its worst one for it, or refuses it if it is worse still; at a tie the newer
    one stays. With dedup it takes the place of the same slot of the same episode, if held.
    """
    priorities, places = lists.priority[code], lists.place[code]
    if dedup:
        _forget(lists, code, origin)
    size, k = lists.size[code], len(places)
    if size < k:
        place, i = places[size], size
        while i > 0 and priorities[i - 1] > priority:
            priorities[i], places[i] = priorities[i - 1], places[i - 1]
            i -= 1
        lists.size[code] = size + 1
    elif priority >= priorities[0]:
        place, i = places[0], 0
        while i + 1 < k and priorities[i + 1] < priority:
            priorities[i], places[i] = priorities[i + 1], places[i + 1]
            i += 1
    else:
        return
    priorities[i], places[i] = priority, place
    lists.last[code, place] = last
    lists.origin[code, place, 0], lists.origin[code, place, 1] = origin


@allocating
def _forget(lists: Lists, code: int, origin: tuple[int, int]) -> None:
    """Remove the trajectory that began at this slot of this episode, if the list holds it."""
    priorities, places = lists.priority[code], lists.place[code]
    size = lists.size[code]
    for found in range(size):
        held = lists.origin[code, places[found]]
        if held[0] == origin[0] and held[1] == origin[1]:
            place = places[found]
            for i in range(found, size - 1):
                priorities[i], places[i] = priorities[i + 1], places[i + 1]
            places[size - 1] = place
            lists.size[code] = size - 1
            return


@allocating
def draw(lists: Lists, code: int, uniform: float, softmax: bool) -> int:
    """Place of the rows of a random trajectory of `code`; -1 if it has none.

    uniform: a random number in [0,1).
    """
    size = lists.size[code]
    if size == 0:
        return -1
    if not softmax:
        return lists.place[code, int(uniform * size)]
    best = lists.priority[code, size - 1]
    weights = np.exp(lists.priority[code, :size] - best)
    left = uniform * weights.sum()
    for i in range(size - 1):
        left -= weights[i]
        if left < 0.0:
            return lists.place[code, i]
    return lists.place[code, size - 1]


@allocating
def _last_visits(codes: NDArray[np.int64], interval: int, n_codes: int) -> NDArray[np.int32]:
    """Slots from each drawing slot to the last visit of each code; -1: no visit from there on.

    codes [slots] -> [draws,K].
    """
    slots = len(codes)
    visits = np.full(((slots + interval - 1) // interval, n_codes), -1, dtype=np.int32)
    latest = np.full(n_codes, -1, dtype=np.int32)  # the last slot of each code
    for t in range(slots - 1, -1, -1):
        if latest[codes[t]] < 0:
            latest[codes[t]] = t
        if t % interval == 0:
            for code in range(n_codes):
                if latest[code] >= 0:
                    visits[t // interval, code] = latest[code] - t
    return visits


@allocating
def walk(
    lists: Lists,
    rules: WalkRules,
    codes: NDArray[np.int64],
    priorities: NDArray[np.float64],
    slots: NDArray[np.int64],
    starts: NDArray[np.int64],
    episodes: NDArray[np.int64],
    uniforms: NDArray[np.float64],
) -> NDArray[np.bool_]:
    """Walk all episodes in turn: keep their trajectories, say which transitions follow a drawn one.

    codes, priorities: [B,T+1]; slots [B], how many of them to walk; starts [B], in how many of
    these a trajectory may begin; uniforms [B,draws] in [0,1). At every `interval`-th slot the rest
    of the episode is offered to the list of its code, and then a reference is drawn from that list.
    Returns [B,T]: True where the transition changes the code to one that the reference visits.
    """
    batch, total = codes.shape
    n_codes = lists.last.shape[2]
    follows = np.zeros((batch, total - 1), dtype=np.bool_)
    reference = np.full(n_codes, -1, dtype=np.int32)
    for b in range(batch):
        visits = _last_visits(codes[b, : slots[b]], rules.interval, n_codes)
        reference[:] = -1
        drawn = 0
        for t in range(slots[b]):
            code = codes[b, t]
            draws = t % rules.interval == 0
            if t > 0 and (rules.pay_on_resample or not draws):
                least = t - drawn if rules.in_order else 0
                follows[b, t - 1] = code != codes[b, t - 1] and reference[code] >= least
            if draws:
                turn = t // rules.interval
                if t < starts[b]:
                    origin = (episodes[b], t)
                    push(lists, code, priorities[b, t], visits[turn], origin, rules.dedup)
                place = draw(lists, code, uniforms[b, turn], rules.softmax)
                reference[:] = -1
                drawn = t
                if place >= 0:  # a copy: later trajectories may take the drawn one's place
                    reference[:] = lists.last[code, place]
    return follows
