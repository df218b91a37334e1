"""How to get the game. The doctor downloads nothing and accepts no licence."""

from __future__ import annotations

from pathlib import Path

from marl.program import PROGRAM

LICENCE = "https://blzdistsc2-a.akamaihd.net/AI_AND_MACHINE_LEARNING_LICENSE.html"
PACKAGES = "https://github.com/Blizzard/s2client-proto#downloads"
SMAC_MAPS = "https://github.com/oxwhirl/smac/releases/download/v0.1-beta1/SMAC_Maps.zip"
SMACV2_MAPS = "https://github.com/oxwhirl/smacv2/releases/tag/maps"

NOT_NEEDED = f"""\
It needs nothing of the game: training, evaluation and replays run without StarCraft II:
  {PROGRAM} --config=lagma --env-config=sc2 with map=3s_vs_5z
Programs written for the game's API can play on the engine too:
  {PROGRAM} doctor with install_engine_as_sc2=<new folder>"""


def how_to_get_the_game(folder: Path) -> str:
    """The steps of an installation. folder: the one in which the clients look for the game."""
    return f"""\
How to get StarCraft II, only for backend=game and the official clients:
  1. Read Blizzard's AI and Machine Learning License; using its Linux packages means accepting it:
     {LICENCE}
  2. Linux: download 4.10 (or 4.6.2, the SMAC paper's) from {PACKAGES}
     and unzip it, with the password that stands there, so that {folder / "Versions"} exists.
     Windows, macOS: install the game with Battle.net (the Starter Edition is free), start it once.
     If it lies elsewhere: export SC2PATH=<the folder that holds Versions/>
  3. Maps: unzip SMAC_Maps.zip into {folder / "Maps"}, so that Maps/SMAC_Maps/3m.SC2Map exists
     SMAC    {SMAC_MAPS}
     SMACv2  {SMACV2_MAPS}
  4. The clients: as above, beside each that is missing.
  5. {PROGRAM} doctor again."""
