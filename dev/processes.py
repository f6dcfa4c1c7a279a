"""Processes of the operating system: run to their end, waited for, bound to the life of ours."""

import subprocess
import time
from collections.abc import Sequence

import psutil

POLL_SECONDS = 0.02
KILL_SECONDS = 10.0  # how long a killed process may take to be gone

# Reads until our end of the pipe is closed, which the kernel does however this process ends, and
# whichever thread started the engine; then no engine is left behind.
_WATCH = 'read -r _; kill -9 "$1"'


def run_to_end(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run a short-lived program; the answer's `stdout` holds both of its outputs."""
    return subprocess.run(  # noqa: S603 - a list of ours, and no shell
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )


def kill_with_us(pid: int) -> subprocess.Popen[bytes]:
    """Start a watcher that kills process `pid` when this process ends, even by `kill -9`.

    Kill the watcher itself first where `pid` has ended already: the number may be used again.
    """
    return subprocess.Popen(  # noqa: S603 - a constant script and a number
        ["/bin/sh", "-c", _WATCH, "sh", str(pid)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def has_ended(process: psutil.Process) -> bool:
    """True if `process` is gone with all its threads; our own children are collected."""
    try:
        process.wait(0)
    except psutil.TimeoutExpired:
        return not isinstance(process, psutil.Popen) and _is_uncollected(process)
    return True


def _is_uncollected(process: psutil.Process) -> bool:
    """True if only the entry of a dead process is left, as in containers without an init."""
    try:
        # Its first thread may be gone while others still hold the port.
        return process.status() == psutil.STATUS_ZOMBIE and process.num_threads() <= 1
    except psutil.NoSuchProcess:
        return True


def ends_within(seconds: float, process: psutil.Process) -> bool:
    """Wait for the end of `process`, at most `seconds`; return whether it came."""
    deadline = time.monotonic() + seconds
    while not has_ended(process):
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True
