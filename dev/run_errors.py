"""Errors of `make run`, and its one good end.

RunError
├── ChildDiedError    a process that must stay up ended by itself
└── NotReadyError     a process is up, but did not get ready in time
StopRequested         Ctrl-C or SIGTERM: the wished-for end, no error
"""

from pathlib import Path

_TAIL_LINES = 15


class RunError(RuntimeError):
    """What `make run` started is not as it must be."""


class ChildDiedError(RunError):
    """A process that must stay up ended by itself."""

    def __init__(self, name: str, log: Path) -> None:
        super().__init__(f"{name} ended by itself; {log} ends with:\n{tail(log)}")
        self.name = name


class NotReadyError(RunError):
    """A process is up, but did not get ready in time."""

    def __init__(self, name: str, seconds: float, log: Path) -> None:
        super().__init__(f"{name} was not ready in {seconds:g} s; {log} ends with:\n{tail(log)}")
        self.name = name


class StopRequested(Exception):  # noqa: N818 (an end that was asked for is no error)
    """Ctrl-C or SIGTERM."""


def tail(log: Path) -> str:
    """The last lines of a log."""
    if not log.exists():
        return "(nothing)"
    return "\n".join(log.read_text(errors="replace").splitlines()[-_TAIL_LINES:])
