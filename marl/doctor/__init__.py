"""python run.py doctor: checks this machine for training and for StarCraft II, with advice.

At import its modules need the standard library alone, so that a missing package can be a finding.
"""
