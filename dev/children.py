"""Child processes of `make run`: logged to files, watched, and ended together."""

import re
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Final

from dev.processes import kill_with_us
from dev.run_errors import ChildDiedError, NotReadyError, StopRequested

_ROOT: Final = Path(__file__).resolve().parent.parent
_POLL_SECONDS: Final = 0.05
_LOUD: Final = re.compile(
    r'\[(?:warning|error|critical) *\] *(?P<plain>\S+)|"level": "(?:warning|error|critical)"'
)
_JSON_EVENT: Final = re.compile(r'"event": "([^"]*)"')
_SHOWN: Final = 3  # lines of one event; a receiver that is down says the same for hours

Say = Callable[[str], None]


class Child:
    """One process: all it writes goes to `log`, to `say` its first warnings and errors of a kind.

    It has a session of its own, so that Ctrl-C reaches it through us alone, and dies with us.
    """

    def __init__(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], log: Path, say: Say
    ) -> None:
        self.name = name
        self.log = log
        self._say = say
        self._said: set[str] = set()
        self._loud: Counter[str] = Counter()
        self._process = subprocess.Popen(  # noqa: S603 (our own modules)
            command,
            cwd=_ROOT,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._watcher = kill_with_us(self._process.pid)
        self._relay = threading.Thread(target=self._relay_output, daemon=True)
        self._relay.start()

    @property
    def is_up(self) -> bool:
        """True until the process ends."""
        return self._process.poll() is None

    def has_said(self, event: str) -> bool:
        """True once a line of its log holds the word `event`."""
        return event in self._said

    def terminate(self) -> None:
        """Ask the process to end."""
        if self.is_up:
            self._process.terminate()

    def join(self, seconds: float) -> None:
        """Wait for the end, at most `seconds`; then kill."""
        try:
            self._process.wait(max(seconds, 0.0))
        except subprocess.TimeoutExpired:
            self._say(f"{self.name} did not end in time: killed")
            self._process.kill()
            self._process.wait()
        self._relay.join()
        self._watcher.kill()
        self._watcher.communicate()

    def _relay_output(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 (a pipe was asked for)
        with self.log.open("wb", buffering=0) as log, self._process.stdout as output:
            for line in output:
                log.write(line)
                text = line.decode(errors="replace").rstrip()
                self._said.update(text.split())
                self._show(text)

    def _show(self, text: str) -> None:
        if (loud := _LOUD.search(text)) is None:
            return
        json = _JSON_EVENT.search(text)
        event = loud["plain"] or (json[1] if json else text)
        self._loud[event] += 1
        if self._loud[event] <= _SHOWN:
            rest = f" (more of these only in {self.log})" if self._loud[event] == _SHOWN else ""
            self._say(f"{self.name} | {text}{rest}")


class Supervisor:
    """Starts children, notices deaths and the wish to stop, and ends what it started."""

    def __init__(self, logs: Path, say: Say) -> None:
        self._logs = logs
        self._say = say
        self._watched: dict[str, tuple[Callable[[], bool], Path]] = {}
        self._stop_requested = False
        logs.mkdir(parents=True, exist_ok=True)

    def heed_signals(self) -> None:
        """From now on SIGINT, SIGTERM and SIGHUP ask for the end; `check` reports it."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._request_stop)

    def start(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> Child:
        """Start a child and watch it."""
        self.check()
        child = Child(name, command, environment, self._logs / f"{name}.log", self._say)
        self.watch(name, lambda: child.is_up, child.log)
        return child

    def watch(self, name: str, is_up: Callable[[], bool], log: Path) -> None:
        """Report also the death of this one."""
        self._watched[name] = (is_up, log)

    def stop(self, children: Sequence[Child], seconds: float) -> None:
        """End children at the same time; what is up after `seconds` is killed."""
        deadline = time.monotonic() + seconds
        for child in children:
            self._watched.pop(child.name, None)
            child.terminate()
        for child in children:
            child.join(deadline - time.monotonic())

    def check(self) -> None:
        """Raise if the end was asked for, or came unasked.

        Raises:
            StopRequested: by a signal.
            ChildDiedError: one that is watched ended by itself.
        """
        if self._stop_requested:
            raise StopRequested
        for name, (is_up, log) in self._watched.items():
            if not is_up():
                raise ChildDiedError(name, log)

    def pause(self, seconds: float) -> None:
        """Wait, watchfully."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.check()
            time.sleep(min(left, _POLL_SECONDS))
        self.check()

    def wait_ready(self, child: Child, is_ready: Callable[[], bool], seconds: float = 60.0) -> None:
        """Wait until a child is ready.

        Raises:
            NotReadyError: it was not in time.
        """
        give_up = time.monotonic() + seconds
        while not is_ready():
            if time.monotonic() > give_up:
                raise NotReadyError(child.name, seconds, child.log)
            self.pause(_POLL_SECONDS)

    def _request_stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stop_requested = True
