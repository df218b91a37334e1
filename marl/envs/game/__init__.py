"""backend=game: the official SMAC clients in worker processes of their own, behind VecEnv.

What runs inside a worker (worker, client, message, lifeline) imports nothing but numpy and the
standard library, so that the clients may live in another Python than the training.
"""
