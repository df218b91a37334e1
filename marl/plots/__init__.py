"""Learning curves of several seeds, and the statistics that compare algorithms by them."""
