"""Circuit breakers shared by all processes: their state in MongoDB, by the server's clock."""

import asyncio
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final, NamedTuple, TypeVar

import msgspec
import structlog
from pymongo.errors import DuplicateKeyError, PyMongoError

from domain.circuit import (
    Admission,
    CircuitRules,
    CircuitState,
    CircuitStatus,
    Closed,
    HalfOpen,
    Open,
    admit,
    is_current,
    release,
    report,
    reset,
    status,
)
from domain.retry import RetryPolicy
from infra import collections
from infra.backoff import Backoff
from infra.leases import NEVER
from infra.mongo import Document, Mongo
from infra.settings import Settings

log = structlog.get_logger()

T = TypeVar("T")

HELPDESK: Final = "helpdesk"
NOTIFY: Final = "notify"

_POLICY: Final = RetryPolicy(first=0.005, longest=0.1, attempts=60)  # of a change that met another
_BUSY_SECONDS: Final = 0.1
_TELLING_SECONDS: Final = 2.0
_PARTS_OF_A_CALL: Final = 3  # connecting, sending and reading time out one by one


class _Reading(NamedTuple):
    """A circuit as it was found; `revision` is None where nothing was ever changed."""

    state: CircuitState
    revision: int | None
    now: datetime


class Circuit:
    """One circuit, as every process sees it; nothing is stored before its first change.

    A call that was admitted ends with `report` or `release`, and may end with both.

    Every method but `tell` raises `PyMongoError` while MongoDB is down.
    """

    def __init__(self, mongo: Mongo, name: str, rules: CircuitRules) -> None:
        self._circuits = mongo[collections.CIRCUITS]
        self.name = name
        self.rules = rules

    async def admit(self) -> Admission | float:
        """Leave for one call, or in how many seconds asking again is worthwhile."""
        call_id = uuid.uuid4().hex
        return await self._change(
            lambda state, now: admit(state, self.rules, now, call_id), otherwise=_BUSY_SECONDS
        )

    async def is_current(self, admission: Admission) -> bool:
        """True while the call that was admitted may still go out."""
        return is_current((await self._read()).state, admission)

    async def report(self, admission: Admission, *, succeeded: bool) -> None:
        """What came of the call; where it is too late for the outcome to count, nothing happens."""
        await self._change(
            lambda state, now: (report(state, self.rules, admission, succeeded, now), None),
            otherwise=None,
        )

    async def release(self, admission: Admission) -> None:
        """The call never took place or was cancelled: another may go out in its stead."""
        await self._change(lambda state, _: (release(state, admission), None), otherwise=None)

    async def tell(self, admission: Admission, *, succeeded: bool | None) -> None:
        """Report what came of the call, None if nothing did, for a bounded time.

        Raises nothing while MongoDB is down: that would hide a cancellation, or lose what the call
        was for.  Leave runs out by itself.
        """
        try:
            async with asyncio.timeout(_TELLING_SECONDS):
                if succeeded is None:
                    await self.release(admission)
                else:
                    await self.report(admission, succeeded=succeeded)
        except (PyMongoError, TimeoutError) as error:
            log.warning("circuit_not_told", succeeded=succeeded, reason=repr(error))

    async def reset(self) -> None:
        """Close the circuit, and forget every outcome so far."""
        await self._change(lambda state, _: (reset(state), None), otherwise=None)

    async def status(self) -> CircuitStatus:
        """The circuit now."""
        reading = await self._read()
        return status(reading.state, self.rules, reading.now)

    async def _change(
        self, step: Callable[[CircuitState, datetime], tuple[CircuitState, T]], *, otherwise: T
    ) -> T:
        """Replace the state by what `step` makes of it, unless another was quicker: then again.

        `step` may run several times.  Where others are always quicker: `otherwise`.
        """
        backoff = Backoff(_POLICY)
        while not _POLICY.gives_up_after(backoff.failures):
            before = await self._read()
            state, answer = step(before.state, before.now)
            if state == before.state:
                return answer
            if before.revision is None:
                await self._make()
            elif await self._swap(before.revision, state):
                self._log(before.state, state)
                return answer
            else:
                await backoff.sleep()
        log.warning("circuit_contended", name=self.name, attempts=backoff.failures)
        return otherwise

    async def _read(self) -> _Reading:
        document: Document | None = await self._circuits.find_one(
            {"_id": self.name}, {"revision": 1, "state": 1, "now": "$$NOW"}
        )
        if document is None:
            return _Reading(Closed(), None, NEVER)  # what is closed asks for no time
        state: CircuitState = msgspec.convert(document["state"], CircuitState)
        return _Reading(state, document["revision"], document["now"])

    async def _make(self) -> None:
        fresh = {"revision": 0, "state": _stored(Closed())}
        try:
            await self._circuits.update_one(
                {"_id": self.name}, {"$setOnInsert": fresh}, upsert=True
            )
        except DuplicateKeyError:
            return  # another process was quicker

    async def _swap(self, revision: int, state: CircuitState) -> bool:
        result = await self._circuits.update_one(
            {"_id": self.name, "revision": revision},
            {"$set": {"revision": revision + 1, "state": _stored(state)}},
        )
        return result.matched_count == 1

    def _log(self, before: CircuitState, after: CircuitState) -> None:
        match after:
            case Open():
                log.warning("circuit_opened", name=self.name, failures=after.failures)
            case HalfOpen() if after.probe is not None:
                log.info("circuit_probing", name=self.name)
            case Closed() if not isinstance(before, Closed):
                log.info("circuit_closed", name=self.name)
            case _:
                pass


def circuits_of(mongo: Mongo, settings: Settings) -> Mapping[str, Circuit]:
    """Every circuit of the deployment, by name."""
    longest = {
        HELPDESK: _PARTS_OF_A_CALL * settings.helpdesk_timeout,
        NOTIFY: settings.call_lease_seconds,
    }
    return {
        name: Circuit(mongo, name, circuit_rules(settings, seconds))
        for name, seconds in longest.items()
    }


def circuit_rules(settings: Settings, probe_seconds: float) -> CircuitRules:
    """The rules of this deployment; a probe has the time that the slowest call may take."""
    return CircuitRules(
        failures=settings.breaker_failures,
        window=settings.breaker_window,
        open_seconds=settings.breaker_open_seconds,
        probe_seconds=probe_seconds,
    )


def _stored(state: CircuitState) -> Document:
    stored: Document = msgspec.to_builtins(state, builtin_types=(datetime,))
    return stored
