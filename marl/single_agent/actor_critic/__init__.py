"""Single-agent actor-critic learning."""
