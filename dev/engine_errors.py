"""Errors of the local engines; each message says what to do about it.

EngineError
├── AlreadyRunningError   an engine already works on the same data
├── EngineDiedError       an engine ended by itself while it was starting
├── EngineNotReadyError   an engine runs, but did not answer in time
├── JarsChangedError      the jars of Kafka are not the ones this project names
├── MissingProgramError   a program that must be on this machine is not, or is too old
├── NoMongodError         there is no MongoDB for this platform among the installed packages
└── PortTakenError        another program listens on a port that an engine was told to use
"""

from pathlib import Path

_LOG_TAIL_LINES = 15


class EngineError(RuntimeError):
    """An engine, or what it needs, is not as it must be."""


class AlreadyRunningError(EngineError):
    """An engine already works on the same data."""

    def __init__(self, name: str, pid: int, data_dir: Path) -> None:
        super().__init__(f"{name} already runs on {data_dir} as process {pid}: stop it first")
        self.pid = pid


class EngineDiedError(EngineError):
    """An engine ended by itself while it was starting."""

    def __init__(self, name: str, log: Path) -> None:
        super().__init__(f"{name} ended while it was starting; {log} ends with:\n{_tail(log)}")


class EngineNotReadyError(EngineError):
    """An engine runs, but did not answer in time."""

    def __init__(self, name: str, seconds: float, log: Path) -> None:
        super().__init__(f"{name} was not ready in {seconds:g} s; {log} ends with:\n{_tail(log)}")


class JarsChangedError(EngineError):
    """The jars of Kafka are not the ones that `dev/kafka/jars.sha256` names."""

    def __init__(self, directory: Path, differences: list[str]) -> None:
        super().__init__(
            f"{directory} is not what dev/kafka/jars.sha256 names; "
            f"missing, unknown or changed: {', '.join(differences)}"
        )
        self.differences = differences


class MissingProgramError(EngineError):
    """A program that must be on this machine is not, or is too old."""

    def __init__(self, complaint: str, remedy: str) -> None:
        super().__init__(
            f"{complaint}: install {remedy}, or set KAFKA_BOOTSTRAP_SERVERS to a Kafka "
            "that runs elsewhere, or run everything in containers (`make up`)"
        )


class NoMongodError(EngineError):
    """There is no MongoDB for this platform among the installed packages."""

    def __init__(self, package: str) -> None:
        super().__init__(
            f"no MongoDB for this platform (package {package}): set MONGODB_URI to a replica set "
            "that runs elsewhere, or run everything in containers with Docker (`make up`)"
        )


class PortTakenError(EngineError):
    """Another program listens on a port that an engine was told to use."""

    def __init__(self, port: int, purpose: str) -> None:
        super().__init__(f"port {port}, meant for {purpose}, is taken by another program")
        self.port = port


def _tail(log: Path) -> str:
    if not log.exists():
        return "(nothing)"
    return "\n".join(log.read_text(errors="replace").splitlines()[-_LOG_TAIL_LINES:])
