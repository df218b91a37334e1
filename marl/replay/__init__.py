"""Replays: films (frames of a battle), traces (seed and actions), pages that show them."""
