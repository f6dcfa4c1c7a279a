"""A helpdesk for tests and benchmarks: a process of its own on a free port, and its controls."""

import select
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from dev.helpdesk.controls import HelpdeskControls
from dev.helpdesk.helpdesk import HelpdeskSettings

_ROOT = Path(__file__).parents[2]
_READY = "helpdesk ready url="


class HelpdeskNotReadyError(RuntimeError):
    """The helpdesk ended, or said nothing, before it was ready."""

    def __init__(self, said: str, seconds: float) -> None:
        super().__init__(f"helpdesk not ready within {seconds} s; it said {said!r}")
        self.said = said
        self.seconds = seconds


class HelpdeskServer(HelpdeskControls):
    """Starts `python -m dev.helpdesk` and controls it; it dies with the process that started it.

    As a context manager it is started, ready, and stopped at the end.
    """

    def __init__(self, settings: HelpdeskSettings, *, port: int = 0) -> None:
        super().__init__()
        self._settings = settings
        self._port = port
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        self.wait_ready()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """The process id, of a started server."""
        return self._started().pid

    def start(self) -> None:
        """Start the process; after an end, on the same port and with its tickets made anew."""
        command = [sys.executable, "-m", "dev.helpdesk", *_options(self._settings, self._port)]
        self._process = subprocess.Popen(  # noqa: S603  our own module
            command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def wait_ready(self, seconds: float = 30.0) -> str:
        """Return the URL once the process answers on it."""
        stdout = self._started().stdout
        readable = stdout is not None and select.select([stdout], [], [], seconds)[0]
        line = stdout.readline().decode() if stdout and readable else ""
        if not line.startswith(_READY):
            self.stop()
            raise HelpdeskNotReadyError(line, seconds)
        self.url = line.removeprefix(_READY).split(" ", 1)[0]
        self._port = int(self.url.rsplit(":", 1)[1])
        return self.url

    def stop(self) -> None:
        """End the process with SIGTERM, if it runs, and wait until it is gone."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End the process with SIGKILL."""
        self._end(signal.SIGKILL)

    def send_signal(self, number: signal.Signals) -> None:
        """Send the process a signal: SIGSTOP and SIGCONT freeze and thaw it."""
        self._started().send_signal(number)

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise HelpdeskNotReadyError("never started", 0.0)
        return self._process

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(number)
            # One that was frozen ends when it is thawed.
            process.send_signal(signal.SIGCONT)
            process.communicate(timeout=10.0)


def _options(settings: HelpdeskSettings, port: int) -> list[str]:
    values = {
        "--port": port,
        "--seed": settings.seed,
        "--tickets": settings.tickets,
        "--limit": settings.limit,
        "--period": settings.period,
        "--now": settings.now.isoformat(),
        "--notify-failures": settings.notify_failures,
    }
    options = [f"{name}={value}" for name, value in values.items()]
    options += [f"--tenant={tenant}" for tenant in settings.tenants]
    options += ["--long-messages"] if settings.long_messages else []
    return [*options, "--until-stdin-closes"]
