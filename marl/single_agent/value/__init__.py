"""Single-agent value learning."""
