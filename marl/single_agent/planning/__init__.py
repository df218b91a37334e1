"""Planning with a model of the environment: nothing is learnt."""
