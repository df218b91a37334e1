"""Which agents of an environment from elsewhere play together, as their names tell.

The learners here are for one team with one reward.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from marl.errors import EnvError


def sorts_of(names: Sequence[str]) -> Counter[str]:
    """How many agents there are of each name: knight_0, knight_1, boat_0 -> knight 2, boat 1."""
    return Counter(re.sub(r"_?\d+$", "", name) for name in names)


def check_sides(env: str, names: Sequence[str]) -> None:
    """EnvError where the agents play against each other: MPE's adversaries, MAgent's two armies.

    The sum of opposed rewards would teach the prey to be caught, where a catch pays its hunters
    more than it costs the prey.
    """
    sorts = list(sorts_of(names))
    opposed = any("adversary" in sort or sort == "eve" for sort in sorts)
    if len(sorts) > 1 and (opposed or set(sorts) == {"red", "blue"}):
        raise EnvError(
            f"{env}: {' and '.join(sorts)} play against each other, and all agents here are one "
            "team with one reward; choose an environment where they play together, such as "
            "module=mpe2.simple_spread_v3, or wrap it so that it plays one side itself"
        )


def remark_on(env: str, names: Sequence[str], how: str) -> str:
    """Whose rewards the team is paid where its agents are of several sorts; "" where of one."""
    sorts = sorts_of(names)
    if len(sorts) == 1:
        return ""
    counted = " and ".join(f"{count} {sort}" for sort, count in sorts.items())
    return f"{counted} of {env} learn as one team, which is paid the {how} of all their rewards"
