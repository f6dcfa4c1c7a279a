"""Real processes of ours on the engines of the session: started, killed, suspended, observed."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from dev.environment import environment_of
from dev.processes import kill_with_us
from infra.settings import Settings
from tests.faults.process import TRACE_BYTES

_ROOT = Path(__file__).parents[2]


@dataclass
class Process:
    """One worker, projector or API; it dies with the process that started it, however that ends."""

    name: str
    popen: subprocess.Popen[bytes]
    trace: Path
    log: Path
    watcher: subprocess.Popen[bytes]

    def last_boundary(self) -> str:
        """The boundary that it passed last, or what it did before any."""
        if not self.trace.exists():
            return "starting"
        return self.trace.read_bytes()[:TRACE_BYTES].decode().strip() or "starting"

    def kill(self) -> str:
        """SIGKILL; return what the process was doing."""
        self.popen.kill()
        self.wait()
        return self.last_boundary()

    def terminate(self) -> None:
        """SIGTERM; it ends by itself."""
        self.popen.terminate()

    def wait(self, seconds: float | None = None) -> int:
        """Wait for the end, at most so long; return the exit code, negative for a signal.

        Raises:
            TimeoutExpired: it did not end in time.
        """
        code = self.popen.wait(seconds)
        # The number may pass to another process, which the watcher would kill.
        self.watcher.kill()
        self.watcher.communicate()
        return code

    def suspend(self) -> None:
        """SIGSTOP."""
        self.popen.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        self.popen.send_signal(signal.SIGCONT)

    def tail(self) -> str:
        """The last lines of its log, for the report of a failed test."""
        lines = self.log.read_text(errors="replace").splitlines()[-15:]
        return "\n".join([f"--- {self.log.name} (exit {self.popen.poll()})", *lines])

    async def is_suspended(self) -> bool:
        """True if it is stopped and may go on."""
        return psutil.Process(self.popen.pid).status() == psutil.STATUS_STOPPED

    @property
    def is_alive(self) -> bool:
        """True while it runs."""
        if self.popen.poll() is None:
            return True
        self.wait()
        return False


class Deployment:
    """The processes of one test."""

    def __init__(self, settings: Settings, directory: Path) -> None:
        self.settings = settings
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self._started: list[Process] = []

    def start(
        self, service: str, *, crash_at: str = "", planted: str = "", **variables: str
    ) -> Process:
        """Start a service; `crash_at` is `boundary:n`, `planted` a bug's name.

        `variables` of its own come before the settings of the deployment.
        """
        number = len(self._started)
        trace = self._directory / f"{number}-{service}.trace"
        log = self._directory / f"{number}-{service}.log"
        environment = (
            os.environ
            | environment_of(self.settings)
            | {
                "FAULT_TRACE": str(trace),
                "FAULT_CRASH_AT": crash_at,
                "FAULT_PLANTED": planted,
            }
            | variables
        )
        with log.open("wb") as output:
            popen = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.process", service],
                cwd=_ROOT,
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
            )
        process = Process(service, popen, trace, log, kill_with_us(popen.pid))
        self._started.append(process)
        return process

    def stop(self) -> None:
        """End everything, at once and for sure."""
        for process in self._started:
            if process.is_alive:
                process.resume()
                process.terminate()
        for process in self._started:
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()

    def logs(self) -> str:
        """The last lines of every process, for the report of a failed test."""
        return "\n".join(process.tail() for process in self._started)


@contextmanager
def deployed(settings: Settings, directory: Path) -> Iterator[Deployment]:
    """A deployment that is gone when the block ends."""
    deployment = Deployment(settings, directory)
    try:
        yield deployment
    finally:
        deployment.stop()
