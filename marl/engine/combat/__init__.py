"""One game loop of a unit: orders, targets, weapons, healing, and where units spawn."""
