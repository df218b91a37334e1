"""python run.py watch: a page with the curves of a training, while it runs or afterwards."""
