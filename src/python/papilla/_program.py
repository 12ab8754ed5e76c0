"""The program `papilla`, as pip installs it."""

from __future__ import annotations

import signal
import sys

from ._papilla import run_program


def main() -> int:
    # The program catches Ctrl-C itself; Python's handler would keep it until the program has ended.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    return run_program(sys.argv)
