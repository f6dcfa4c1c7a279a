"""The workers and projectors of a disturbed deployment: who runs, who is stopped, who died."""

import asyncio
import random
import signal
import time
from collections.abc import Callable

from tests.faults.deployment import Deployment, Process

SESSION_SECONDS = 6.0  # of consumer groups in these tests; the shortest that Kafka takes
_BUSY_SECONDS = 1.0
_PATIENCE = 20.0
_END_SECONDS = 40.0
_TICK_SECONDS = 0.05


class Fleet:
    """Any number of processes of each service; each death that nobody caused is a finding."""

    def __init__(self, deployment: Deployment, **counts: int) -> None:
        self._deployment = deployment
        self._running: dict[str, list[Process]] = {service: [] for service in counts}
        self._stopped: list[Process] = []
        self.wrong: list[str] = []
        for service, count in counts.items():
            for _ in range(count):
                self.start(service)

    def start(self, service: str) -> Process:
        """Start one more."""
        seconds = str(SESSION_SECONDS)
        process = self._deployment.start(service, FAULT_SESSION_SECONDS=seconds)
        self._running[service].append(process)
        return process

    async def take(self, service: str, moments: random.Random) -> Process:
        """Remove one that runs from the fleet, and return it: mostly one that is at work."""
        wanted = is_busy if moments.random() < 0.75 else _is_any
        deadline = time.monotonic() + _PATIENCE
        while True:
            self.replace_dead()
            ready = [p for p in self._running[service] if wanted(p)]
            if ready:
                process = moments.choice(ready)
                self._running[service].remove(process)
                return process
            if time.monotonic() > deadline:
                wanted = _is_any
            await asyncio.sleep(_TICK_SECONDS)

    async def take_all(self, service: str) -> list[Process]:
        """Remove all of a service, those that are stopped when they go on."""
        await _until(lambda: all(process.name != service for process in self._stopped))
        self.replace_dead()
        taken, self._running[service] = self._running[service], []
        return taken

    async def stop(self, process: Process, seconds: float) -> None:
        """SIGSTOP one that was taken; bring it back after so long."""
        self._stopped.append(process)
        try:
            await asyncio.sleep(seconds)
        finally:
            process.resume()
            self._stopped.remove(process)
            self._running[process.name].append(process)

    async def end(self, process: Process) -> None:
        """SIGTERM one that was taken, and wait: it ends by itself, in order."""
        process.terminate()
        code = await asyncio.to_thread(process.wait, _END_SECONDS)
        # One that still loads its modules heeds no signal yet, and leaves nothing to put in order.
        if code == -signal.SIGTERM and process.last_boundary() == "starting":
            return
        if code:
            self.wrong.append(f"a {process.name} told to end did so with exit code {code}")

    async def until_busy(self, process: Process) -> None:
        """Wait until one works, at most a while."""
        await _until(lambda: is_busy(process))

    async def until_all_busy(self) -> None:
        """Wait until every one has worked, at most a while."""
        for process in [p for some in self._running.values() for p in some]:
            await self.until_busy(process)

    def replace_dead(self) -> None:
        """Start others for those that died by themselves."""
        for service, processes in self._running.items():
            for process in [p for p in processes if not p.is_alive]:
                self.wrong.append(f"a {service} ended by itself: {process.tail()}")
                processes.remove(process)
                self.start(service)


def is_busy(process: Process) -> bool:
    """True if a process passed a boundary within the last second."""
    last = process.trace.stat().st_mtime if process.last_boundary() != "starting" else 0.0
    return time.time() - last < _BUSY_SECONDS


async def _until(holds: Callable[[], bool]) -> None:
    """Return once it holds, or when patience ends."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        if holds() or time.monotonic() > deadline:
            return
        await asyncio.sleep(_TICK_SECONDS)


def _is_any(process: Process) -> bool:
    return process.is_alive
