"""`python -m tenon`, and the command `tenon`: the command line tool."""

import signal
import sys

from tenon._tenon import run_command


def main() -> int:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a file past the limit of its size is an error of the write
    return run_command(["tenon", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
