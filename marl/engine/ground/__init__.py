"""The ground: cells, walls, shortest paths."""
