"""How units walk: steering, motion, collisions."""
