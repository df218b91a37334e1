"""The battle engine behind Blizzard's API: a server that StarCraft II's own clients play on.

`python -m marl.sc2api -listen 127.0.0.1 -port 5000` speaks s2clientprotocol over a websocket, as
the game's executable does; `marl.sc2api.install` writes a folder that clients take for the game.
It needs the extra `sc2api`. Nothing else of this package needs it.
"""
