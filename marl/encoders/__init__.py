"""What policy and critics see of an observation: itself, normalised, or a learnt latent."""
