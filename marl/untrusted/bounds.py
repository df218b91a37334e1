"""How much a file from a stranger may hold."""

from __future__ import annotations

KIB, MIB = 2**10, 2**20

# Values inside one another: of YAML, JSON and checkpoints. What stands in several places, through
# an alias say, counts in each of them.
DEPTH = 32
DIGITS = 400  # of a number

YAML_BYTES = 128 * KIB  # a run's config.yaml has 8 KiB
YAML_VALUES = 20_000

JSON_BYTES = 4 * MIB  # manifests, summaries of campaigns

METRICS_BYTES = 64 * MIB  # metrics.jsonl of 100 million steps has about 50
LINE_BYTES = 64 * KIB
METRICS_NUMBERS = 1_000_000  # in all its points together

# Checkpoints and replays may be large; what is read of them is never larger than the file.
PICKLE_BYTES = 32 * MIB  # of the part without tensors
PICKLE_VALUES = 1_000_000

REPLAY_FILE_BYTES = 16 * MIB  # a film or a trace as it lies on the disk
REPLAY_BYTES = 24 * MIB  # ... unpacked
REPLAY_HEADER = 256 * KIB
REPLAY_ARRAYS = 128
ARRAY_BYTES = 4 * MIB  # ... of one array
FRAMES = 24_000  # of a film: 25 minutes of the game, loop by loop
FRAME_BYTES = 16 * MIB  # ... all of them together
CHANNELS = 48  # of a film
TRACE_CHANNELS = CHANNELS - 2  # its film has the rewards and the actions too
CHANNEL_NUMBERS = MIB  # in all channels together

BATTLES_BYTES = 16 * MIB  # battles.jsonl, a line for each recorded battle

FOLDER_ENTRIES = 100_000  # files below a run's folder
