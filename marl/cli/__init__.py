"""The command line: run.py's arguments, their resolution into a plan, its exit codes."""
