"""python run.py doctor: what this machine has for training and for StarCraft II, and what to do.

At import its modules need the standard library alone, so that a missing package can be a finding.
"""
