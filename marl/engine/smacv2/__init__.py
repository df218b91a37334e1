"""SMACv2's draws of an episode: teams, start positions, capabilities."""
