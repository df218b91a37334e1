"""Single-agent policy gradients."""
