"""backend=game: the official SMAC clients in worker processes of their own, behind VecEnv.

The modules inside a worker (worker, client, message, lifeline) import nothing but numpy and the
standard library, so that the clients may run in another Python than the training.
"""
