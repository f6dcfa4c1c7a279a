"""One engine's process: started in the background, found again by its pid file, stopped, killed."""

import json
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil

from dev.engine_errors import AlreadyRunningError, EngineDiedError, EngineNotReadyError

_LOG_LIMIT = 16 * 1024 * 1024  # bytes; a longer log is begun anew at the next start
_POLL_SECONDS = 0.02
_KILL_SECONDS = 10.0

# Reads until our end of the pipe is closed, which the kernel does however this process ends, and
# whichever thread started the engine; then no engine is left behind.
_WATCH = 'read -r _; kill -9 "$1"'


class EngineProcess:
    """The process of one engine, which keeps its data, log and pid file in `data_dir`.

    `bound`: the engine dies with this process, even by `kill -9`.  Otherwise it goes on in the
    background, and a later `EngineProcess` on the same `data_dir` may adopt it.  Every method acts
    only on what was launched or adopted here; where nothing is left of it, it does nothing.
    """

    def __init__(self, name: str, data_dir: Path, *, bound: bool) -> None:
        self.name = name
        self.data_dir = data_dir.resolve()
        self.log = self.data_dir / f"{name}.log"
        self._bound = bound
        self._pid_file = self.data_dir / f"{name}.pid"
        self._process: psutil.Process | None = None
        self._watcher: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The process id while the engine runs."""
        process = self._living()
        return process.pid if process else None

    def adopt(self) -> bool:
        """Take over the engine that runs on `data_dir`, whoever started it; False: none runs."""
        self._process = self._found()
        return self._process is not None

    @property
    def in_background(self) -> bool:
        """True if the engine on `data_dir` was started to outlive whoever started it."""
        return self._found() is not None and not self._record()["bound"]

    def launch(self, command: Sequence[str]) -> None:
        """Start `command`, one argument of which must name `data_dir`; output goes to the log."""
        if running := self._found():
            raise AlreadyRunningError(self.name, running.pid, self.data_dir)
        too_long = self.log.exists() and self.log.stat().st_size > _LOG_LIMIT
        with self.log.open("wb" if too_long else "ab") as log:
            process = psutil.Popen(
                command,
                cwd=self.data_dir,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Ctrl-C in the terminal must reach us first, and the engines only through us.
                start_new_session=True,
            )
        self._process = process
        self._pid_file.write_text(json.dumps({"pid": process.pid, "bound": self._bound}))
        if self._bound:
            self._watcher = _watch(process.pid)

    def wait_until(self, ready: Callable[[], bool], seconds: float) -> None:
        """Poll `ready`; raise if the engine ends, or if it is not ready within `seconds`."""
        deadline = time.monotonic() + seconds
        while not ready():
            if self.pid is None:
                raise EngineDiedError(self.name, self.log)
            if time.monotonic() > deadline:
                raise EngineNotReadyError(self.name, seconds, self.log)
            time.sleep(_POLL_SECONDS)

    def stop(self, timeout: float) -> None:
        """Ask the engine to end; after `timeout` seconds kill it."""
        if (process := self._living()) is None:
            return
        process.terminate()
        process.resume()  # a suspended process would not hear
        if not _ends_within(timeout, process):
            process.kill()
            _ends_within(_KILL_SECONDS, process)
        self._forget()

    def kill(self) -> None:
        """End the engine at once, as a power cut would."""
        if process := self._living():
            process.kill()
            _ends_within(_KILL_SECONDS, process)
            self._forget()

    def suspend(self) -> None:
        """Stop the engine's clock: it holds its port and answers nothing."""
        if process := self._living():
            process.suspend()

    def resume(self) -> None:
        """Let a suspended engine go on."""
        if process := self._living():
            process.resume()

    def _living(self) -> psutil.Process | None:
        if self._process and _has_ended(self._process):
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
        return process if ours and not _has_ended(process) else None

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


def run_to_end(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run a short-lived program; the answer's `stdout` holds both of its outputs."""
    return subprocess.run(  # noqa: S603 - a list of ours, and no shell
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )


def _watch(pid: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - a constant script and a number
        ["/bin/sh", "-c", _WATCH, "sh", str(pid)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _has_ended(process: psutil.Process) -> bool:
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


def _ends_within(seconds: float, process: psutil.Process) -> bool:
    deadline = time.monotonic() + seconds
    while not _has_ended(process):
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True
