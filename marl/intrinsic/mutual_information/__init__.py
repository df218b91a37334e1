"""MUSIC's intrinsic reward: information between where the agent is and what surrounds it."""
