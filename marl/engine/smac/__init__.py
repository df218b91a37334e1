"""What the SMAC clients show and pay: options, observations, states, masks, rewards."""
