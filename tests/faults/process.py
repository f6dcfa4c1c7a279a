"""A process of ours under observation: `python -m tests.faults.process worker`.

It notes each boundary that it reaches, may die at one, and may carry a planted bug.
"""

import os
import signal
import sys
from collections.abc import Callable
from functools import partial

from cli.api_server import run_api
from cli.rebuild import rebuild
from cli.running import Service, serve
from domain.retry import RetryPolicy
from infra import crash_points, kafka
from notifications.notifier import run_notifier
from projections.projector import run_projector
from streams import faust_app
from streams.worker import run_worker
from tests.faults import planted

TRACE_BYTES = 64
# In one process: only this one notes its boundaries.
COMMANDS = {
    "rebuild": lambda: rebuild(["tickets"], processes=1, as_json=True),
    "repair": lambda: rebuild(["tickets"], tenant=os.environ["FAULT_TENANT"], processes=1),
}
SERVICES: dict[str, Service] = {
    "api": run_api,
    "notifier": partial(run_notifier, retries=RetryPolicy(first=0.02, longest=0.2)),
    "projector": run_projector,
    "worker": run_worker,
}


def main() -> None:
    """Run the service that the first argument names."""
    crash_points.watch(_watcher(os.environ["FAULT_TRACE"], os.environ.get("FAULT_CRASH_AT", "")))
    if bug := os.environ.get("FAULT_PLANTED"):
        planted.BUGS[bug]()
    _shorten_sessions(round(1000 * float(os.environ.get("FAULT_SESSION_SECONDS", "6"))))
    if sys.argv[1] in COMMANDS:
        COMMANDS[sys.argv[1]]()
        return
    serve(sys.argv[1], SERVICES[sys.argv[1]])


def _shorten_sessions(milliseconds: int) -> None:
    """Let groups notice a death sooner, so that more faults meet processes at work."""
    for module in (kafka, faust_app):
        vars(module)["SESSION_TIMEOUT_MS"] = milliseconds
        vars(module)["HEARTBEAT_MS"] = milliseconds // 4


def _watcher(trace: str, crash_at: str) -> Callable[[str], None]:
    """Write each boundary to the trace file; die, or stop, at the n-th time of `name:n`."""
    fate = signal.Signals[os.environ.get("FAULT_SIGNAL", "SIGKILL")]
    file = os.open(trace, os.O_RDWR | os.O_CREAT)
    name, _, times = crash_at.partition(":")
    left = int(times or 0)

    def watch(reached: str) -> None:
        nonlocal left
        os.pwrite(file, reached.ljust(TRACE_BYTES).encode(), 0)
        if reached == name:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), fate)

    return watch


if __name__ == "__main__":
    main()
