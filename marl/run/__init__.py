"""One run and what is done with it: its plan and folder, training, evaluation, replays."""
