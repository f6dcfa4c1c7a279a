"""A command of ours that may die at a boundary: `python -m tests.faults.command dlq redrive`."""

import os
import signal

from cli.main import app
from infra import crash_points


def main() -> None:
    """Run `deskstream` with the arguments; `FAULT_CRASH_AT` names the boundary."""
    boundary = os.environ["FAULT_CRASH_AT"]

    def watch(reached: str) -> None:
        if reached == boundary:
            os.kill(os.getpid(), signal.SIGKILL)

    crash_points.watch(watch)
    app()


if __name__ == "__main__":
    main()
