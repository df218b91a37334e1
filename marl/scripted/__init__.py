"""Scripted players: baselines, and probes of the engine's rules."""
