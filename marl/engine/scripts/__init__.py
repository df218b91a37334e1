"""Scripted players, compiled."""
