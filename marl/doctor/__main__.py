"""python -m marl.doctor, for when run.py itself can't start."""

import sys

from marl.doctor.command import main

sys.exit(main(sys.argv[1:]))
