"""python run.py watch: a page that shows a training while it runs, or afterwards."""
