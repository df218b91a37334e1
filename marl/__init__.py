"""Multi-agent reinforcement learning on StarCraft battles, centred on LAGMA."""

__version__ = "0.1.0"
