"""Folders of experience in Minari's format: written in one go, read with every byte distrusted."""
