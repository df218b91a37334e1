"""One run: its plan and folder, training, evaluation, replays, and benchmarks."""
