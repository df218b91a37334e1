"""Actor-critic learning from a replay: critics, and the ways to improve a policy by them."""
