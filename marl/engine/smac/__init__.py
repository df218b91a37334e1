"""The SMAC clients on the engine: options, observations, states, masks, actions, rewards."""
