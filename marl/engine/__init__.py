"""The battle simulator. It imports nothing else of marl but its errors and `compiled`."""
