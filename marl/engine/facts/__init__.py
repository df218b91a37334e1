"""Units and scenarios as data, read from maps/."""
