"""`python -m descend`: the command line."""

import sys

from descend.cli.main import run

if __name__ == "__main__":
    sys.exit(run())
