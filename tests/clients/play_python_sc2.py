"""Plays a battle with python-sc2 (burnysc2), unmodified; prints what it saw for test_clients.py.

play_python_sc2.py <map> <race> <file of the replay>
"""

import json
import sys

from sc2 import maps
from sc2.bot_ai import BotAI
from sc2.data import Difficulty, Race
from sc2.main import run_game
from sc2.player import Bot, Computer


class Fighter(BotAI):
    """Everybody attacks the weakest enemy."""

    def __init__(self):
        self.seen = {"steps": 0, "dead": [], "damaged": 0, "health": [], "started": 0}

    async def on_start(self):
        self.client.game_step = 8
        self.seen["started"] += 1
        self.seen["map"] = self.game_info.map_name
        self.seen["size"] = [self.game_info.map_size.width, self.game_info.map_size.height]
        self.seen["allies"] = len(self.units)
        self.seen["enemies"] = len(self.enemy_units)
        self.seen["enemy_types"] = sorted({unit.type_id.name for unit in self.enemy_units})
        self.tags = {unit.tag for unit in self.all_units}

    async def on_step(self, iteration):
        self.seen["steps"] += 1
        self.seen["health"].append(sum(u.health + u.shield for u in self.enemy_units))
        if not self.enemy_units:
            return
        target = min(self.enemy_units, key=lambda unit: (unit.health + unit.shield, unit.tag))
        for unit in self.units:
            unit.attack(target)

    async def on_unit_destroyed(self, unit_tag):
        self.seen["dead"].append(unit_tag in self.tags)

    async def on_unit_took_damage(self, unit, amount_damage_taken):
        self.seen["damaged"] += 1

    async def on_end(self, game_result):
        self.seen["result"] = game_result.name
        self.seen["loops"] = self.state.game_loop


def main(name, race, replay):
    bot = Fighter()
    result = run_game(
        maps.get(name),
        [Bot(Race[race], bot), Computer(Race[race], Difficulty.VeryHard)],
        realtime=False,
        random_seed=5,
        save_replay_as=replay,
    )
    print(json.dumps({**bot.seen, "returned": result.name}))


main(*sys.argv[1:])
