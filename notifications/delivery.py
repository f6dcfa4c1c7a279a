"""Delivering alerts: few calls at once, as often as it takes, behind the circuit."""

import asyncio
import time
from typing import Final

import structlog
from pymongo.errors import PyMongoError

from domain.circuit import Admission
from infra import crash_points
from infra.alerts import Alerts, Vacancy
from infra.backoff import Backoff
from infra.circuits import Circuit
from notifications.call import Calls, Leave

log = structlog.get_logger()

_LONGEST_SLEEP: Final = 1.0  # circuits are reset, and other processes record alerts
_BUSY_SECONDS: Final = 0.1
_GRACE_SECONDS: Final = 4.0
_TAKING_SECONDS: Final = 2.0


class Delivery:
    """The calls of this process.  What it takes it ends or gives back, unless it is killed."""

    def __init__(self, alerts: Alerts, circuit: Circuit, calls: Calls, call_seconds: float) -> None:
        """`call_seconds` is the longest that a call may take."""
        self._alerts = alerts
        self._circuit = circuit
        self._calls = calls
        self._call_seconds = call_seconds
        self._out: set[asyncio.Task[float]] = set()
        self._ends: list[asyncio.Task[float]] = []
        self._news = asyncio.Event()
        self._succeeding_from = 0.0
        self._quiet_until = 0.0

    def wake(self) -> None:
        """Look at once: something was recorded, or a call has ended."""
        self._news.set()

    async def run(self) -> None:
        """Deliver until cancelled; then the calls that are out have a moment to end."""
        backoff = Backoff()
        try:
            while True:
                self._news.clear()
                try:
                    wait = await self._begin()
                except PyMongoError as error:
                    # Nobody could note an end meanwhile: what looks lost may just wait to.
                    self._succeeding_from = time.monotonic() + self._alerts.lease_seconds
                    log.warning("alerts_delayed", reason=repr(error))
                    await backoff.sleep()
                else:
                    backoff.reset()
                    await self._sleep(wait)
        finally:
            await self._finish()

    async def _begin(self) -> float:
        """Begin one call; return for how long there is nothing to do.

        What a call raised is raised here: nobody foresaw it, and the alert was given back.
        """
        while self._ends:
            quiet = self._ends.pop().result()
            self._quiet_until = max(self._quiet_until, time.monotonic() + quiet)
        if (quiet := self._quiet_until - time.monotonic()) > 0:
            return quiet
        due = await self._alerts.seconds_until_due()
        if due is None or due > 0:
            return _LONGEST_SLEEP if due is None else due
        may_succeed = time.monotonic() >= self._succeeding_from
        if (vacancy := await self._alerts.vacancy(succeeding=may_succeed)) is None:
            return _BUSY_SECONDS
        leave = await self._taken(vacancy)
        if not isinstance(leave, Leave):
            return leave
        crash_points.reached("alert_claimed")
        call = asyncio.create_task(self._calls.make(leave))
        self._out.add(call)
        call.add_done_callback(self._ended)
        return 0.0

    async def _taken(self, vacancy: Vacancy) -> Leave | float:
        """Leave for a call, or for how long there is none; whoever is cancelled gives it back.

        A question that MongoDB was asked is answered, whether or not anybody still waits.
        """
        taking = asyncio.ensure_future(self._take(vacancy))
        try:
            return await asyncio.shield(taking)
        except asyncio.CancelledError:
            await asyncio.wait({taking}, timeout=_TAKING_SECONDS)
            leave = taking.result() if taking.done() and not taking.exception() else None
            if isinstance(leave, Leave):
                await self._calls.give_up(leave)
            raise

    async def _take(self, vacancy: Vacancy) -> Leave | float:
        begun = time.monotonic()
        admission = await self._circuit.admit()
        if not isinstance(admission, Admission):
            return admission
        claim = None
        try:
            claim = await self._alerts.claim(vacancy)
        finally:
            if claim is None:
                await self._circuit.tell(admission, succeeded=None)
        until = begun + self._alerts.lease_seconds - self._call_seconds
        return _BUSY_SECONDS if claim is None else Leave(claim, admission, until)

    def _ended(self, call: asyncio.Task[float]) -> None:
        self._out.discard(call)
        if not call.cancelled():
            self._ends.append(call)
        self.wake()

    async def _sleep(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(min(seconds, _LONGEST_SLEEP)):
                await self._news.wait()
        except TimeoutError:
            return

    async def _finish(self) -> None:
        """Let the calls that are out end; those that do not are given back."""
        if not self._out:
            return
        log.info("calls_awaited", calls=len(self._out))
        out = set(self._out)
        _, hanging = await asyncio.wait(out, timeout=_GRACE_SECONDS)
        for call in hanging:
            call.cancel()
        for ended in await asyncio.gather(*out, return_exceptions=True):
            if isinstance(ended, Exception):
                log.error("call_failed", reason=repr(ended))
