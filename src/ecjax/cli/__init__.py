"""The command `ecjax`. What a command needs is imported when it runs: help and `info` need no JAX."""

import sys

from ecjax.cli.signals import stopping_cleanly


def main() -> None:
    """Runs the command. Bad input ends with one line on standard error and exit status 2."""
    with stopping_cleanly():
        from ecjax.cli.app import run

        status = run()
    sys.exit(status)
