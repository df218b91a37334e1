"""Players that follow a script: baselines to compare with, and probes of the engine's rules."""
