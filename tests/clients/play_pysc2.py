"""Plays battles with pysc2's SC2Env, unmodified: run by test_clients.py, prints what it saw.

play_pysc2.py <map> <race> bot|alone <prefix of the replay>
"""

import json
import random
import sys

# pysc2 4.0 calls random.shuffle(list, function), which Python 3.11 took away.
plain = random.shuffle
random.shuffle = lambda items, function=None: plain(items)

from absl import flags  # noqa: E402
from pysc2.env import sc2_env  # noqa: E402
from pysc2.lib import actions, features, units  # noqa: E402
from pysc2.maps import lib  # noqa: E402

SELF, ENEMY = features.PlayerRelative.SELF, features.PlayerRelative.ENEMY
STEP_LOOPS = 8
MOST_STEPS = 400


def scenario(name, players):
    """A map of SMAC's folder, known to pysc2 from now on."""
    about = {"directory": "SMAC_Maps", "filename": name, "players": players}
    return type(f"Battle_{name}", (lib.Map,), about).__name__


def side(observation, alliance):
    return [unit for unit in observation.raw_units if unit.alliance == alliance]


def orders(observation):
    """Everybody attacks the weakest enemy."""
    enemies, mine = side(observation, ENEMY), side(observation, SELF)
    if not enemies or not mine:
        return [actions.RAW_FUNCTIONS.no_op()]
    target = min(enemies, key=lambda unit: (unit.health + unit.shield, unit.tag))
    return [actions.RAW_FUNCTIONS.Attack_unit("now", [unit.tag for unit in mine], target.tag)]


def name_of(unit_type):
    try:
        return units.get_unit_type(unit_type).name
    except (ValueError, AttributeError):
        return "custom"  # SMAC's own types are not in pysc2's list


def play(env):
    """One battle to its end."""
    step = env.reset()[0]
    first = step.observation
    total = [sum(int(u.health) + int(u.shield) for u in side(first, s)) for s in (SELF, ENEMY)]
    seen = {
        "allies": len(side(first, SELF)),
        "enemies": len(side(first, ENEMY)),
        "enemy_types": sorted({name_of(u.unit_type) for u in side(first, ENEMY)}),
        "health": total,
        "loops": [int(first.game_loop[0])],
    }
    steps = 0
    while not step.last() and steps < MOST_STEPS:
        step = env.step([orders(step.observation)])[0]
        seen["loops"].append(int(step.observation.game_loop[0]))
        steps += 1
    last = step.observation
    left = [sum(int(u.health) + int(u.shield) for u in side(last, s)) for s in (SELF, ENEMY)]
    return {**seen, "steps": steps, "over": bool(step.last()), "reward": int(step.reward),
            "left": left}  # fmt: skip


def main(name, race, company, prefix):
    flags.FLAGS(["play"])
    players = [sc2_env.Agent(sc2_env.Race[race])]
    if company == "bot":
        players.append(sc2_env.Bot(sc2_env.Race[race], sc2_env.Difficulty.very_hard))
    about = sc2_env.AgentInterfaceFormat(
        action_space=actions.ActionSpace.RAW, use_raw_units=True, raw_resolution=32
    )
    with sc2_env.SC2Env(
        map_name=scenario(name, len(players)),
        players=players,
        agent_interface_format=about,
        step_mul=STEP_LOOPS,
        random_seed=5,
        visualize=False,
    ) as env:
        battles = [play(env), play(env)]
        replay = env.save_replay("clients", prefix)
    print(json.dumps({"battles": battles, "replay": replay}))


main(*sys.argv[1:])
