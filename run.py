"""Train, evaluate or measure: python run.py [command] --config=... --env-config=... with ...

`python run.py doctor` checks the machine. An installed package has the same as `python -m marl`.
"""

import sys

from marl.__main__ import run

if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
