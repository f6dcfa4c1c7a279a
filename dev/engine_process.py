"""One engine's process: started in the background, found again by its pid file, stopped, killed."""

import json
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Final, Self

import psutil

from dev.engine_errors import (
    AlreadyRunningError,
    EngineDiedError,
    EngineError,
    EngineNotReadyError,
)
from dev.ports import require_free
from dev.processes import KILL_SECONDS, POLL_SECONDS, ends_within, has_ended, kill_with_us

_LOG_LIMIT = 16 * 1024 * 1024  # bytes; a longer log is begun anew at the next start

_STILL: Final = (psutil.STATUS_STOPPED, psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)


class EngineProcess(ABC):
    """The process of one engine, which keeps its data, log and pid file in `data_dir`.

    `bound`: the engine dies with this process, even by `kill -9`.  Otherwise it goes on in the
    background, and a later object on the same `data_dir` may adopt it.  Every verb acts only on
    what was started or adopted here; where nothing is left of it, it does nothing.
    """

    name: ClassVar[str]

    def __init__(self, data_dir: Path, port: int, *, bound: bool) -> None:
        self.data_dir = data_dir.resolve()
        self.port = port
        self.log = self.data_dir / f"{self.name}.log"
        self._bound = bound
        self._pid_file = self.data_dir / f"{self.name}.pid"
        self._process: psutil.Process | None = None
        self._watcher: subprocess.Popen[bytes] | None = None

    @property
    @abstractmethod
    def address(self) -> str:
        """What a client is told to connect to."""

    @abstractmethod
    def _command(self) -> Sequence[str]:
        """Prepare `data_dir` and return the command; one of its arguments names `data_dir`."""

    @abstractmethod
    def _serves(self) -> bool:
        """Ask the engine whether it does its work now; must answer within a few seconds."""

    @property
    def pid(self) -> int | None:
        """The process id while the engine runs."""
        process = self._living()
        return process.pid if process else None

    @property
    def in_background(self) -> bool:
        """True if the engine on `data_dir` was started to outlive whoever started it."""
        return self._found() is not None and not self._record()["bound"]

    def adopt(self) -> bool:
        """Take over the engine that runs on `data_dir`, whoever started it; False: none runs."""
        self._process = self._found()
        if self._process is None:
            return False
        self.port = self._record()["port"]
        return True

    def start(self, deadline: float = 60.0) -> None:
        """Start the engine and wait until it serves, at most `deadline` seconds."""
        if running := self._found():
            raise AlreadyRunningError(self.name, running.pid, self.data_dir)
        require_free(self.port, self.name)
        self.data_dir.mkdir(parents=True, exist_ok=True)
        self._launch(self._command())
        try:
            self.wait_ready(deadline)
        except EngineError:
            self.kill()
            raise

    def wait_ready(self, deadline: float = 60.0) -> None:
        """Wait until the engine serves, at most `deadline` seconds."""
        give_up = time.monotonic() + deadline
        while not self._serves():
            if self.pid is None:
                raise EngineDiedError(self.name, self.log)
            if time.monotonic() > give_up:
                raise EngineNotReadyError(self.name, deadline, self.log)
            time.sleep(POLL_SECONDS)

    def stop(self, timeout: float = 30.0) -> None:
        """SIGTERM: shut down in order; after `timeout` seconds kill."""
        if (process := self._living()) is None:
            return
        process.terminate()
        process.resume()  # a suspended process would not hear
        if not ends_within(timeout, process):
            process.kill()
            ends_within(KILL_SECONDS, process)
        self._forget()

    def kill(self) -> None:
        """SIGKILL: what was acknowledged as durable is there again after the next start."""
        if process := self._living():
            process.kill()
            ends_within(KILL_SECONDS, process)
            self._forget()

    def suspend(self) -> None:
        """SIGSTOP: the engine keeps its port and its connections, and answers nothing."""
        if process := self._living():
            process.suspend()
            # The signal is on its way: an engine at work may answer once more.
            while process.status() not in _STILL:
                time.sleep(0.005)

    def resume(self) -> None:
        """SIGCONT: let a suspended engine go on."""
        if process := self._living():
            process.resume()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def _launch(self, command: Sequence[str]) -> None:
        too_long = self.log.exists() and self.log.stat().st_size > _LOG_LIMIT
        with self.log.open("wb" if too_long else "ab") as log:
            self._process = psutil.Popen(
                command,
                cwd=self.data_dir,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Ctrl-C in the terminal must reach us first, and the engines only through us.
                start_new_session=True,
            )
        if self._bound:
            self._watcher = kill_with_us(self._process.pid)
        record = {"pid": self._process.pid, "port": self.port, "bound": self._bound}
        self._pid_file.write_text(json.dumps(record))

    def _living(self) -> psutil.Process | None:
        if self._process and has_ended(self._process):
            self._forget()
        return self._process

    def _found(self) -> psutil.Process | None:
        return self._living() or self._recorded_process()

    def _recorded_process(self) -> psutil.Process | None:
        """Return the process of the pid file if it still is what the file meant."""
        try:
            process = psutil.Process(self._record()["pid"])
            # The number alone proves nothing: it may have passed to another program.
            ours = any(str(self.data_dir) in argument for argument in process.cmdline())
        except (KeyError, psutil.NoSuchProcess, psutil.AccessDenied):
            return None
        return process if ours and not has_ended(process) else None

    def _record(self) -> dict[str, int]:
        try:
            record: dict[str, int] = json.loads(self._pid_file.read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return {}
        return record

    def _forget(self) -> None:
        self._process = None
        self._pid_file.unlink(missing_ok=True)
        if self._watcher:
            self._watcher.kill()
            self._watcher.communicate()
            self._watcher = None
