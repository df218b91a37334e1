"""`python run.py collect`: makes datasets with our own policies, to learn from offline."""
