"""One call of the receiver: sent under a lease, its outcome kept, the circuit told."""

import asyncio
import random
import time
from datetime import UTC, datetime
from typing import Final, NamedTuple

import structlog
from pymongo.errors import PyMongoError

from domain.alerts import Delivered, Failed, Outcome, Refused
from domain.circuit import Admission
from domain.retry import RetryPolicy
from domain.retry_after import hold_seconds
from infra import crash_points
from infra.alerts import Alerts, Claim
from infra.backoff import Backoff
from infra.circuits import Circuit
from infra.process_metrics import ALERT_CALLS
from infra.tracing import span
from notifications.receiver import Receiver

log = structlog.get_logger()

_NOTING: Final = RetryPolicy(first=0.05, longest=0.5)
_TELLING_SECONDS: Final = 2.0
_JITTER: Final = random.Random()  # noqa: S311 (jitter)


class Leave(NamedTuple):
    """What a call needs: the alert, the circuit's leave, and until when it may begin.

    `until` is by this process's monotonic clock.
    """

    claim: Claim
    admission: Admission
    until: float


class Calls:
    """Makes calls; each ends by what the receiver said, or is given back."""

    def __init__(
        self, alerts: Alerts, circuit: Circuit, receiver: Receiver, retries: RetryPolicy
    ) -> None:
        self._alerts = alerts
        self._circuit = circuit
        self._receiver = receiver
        self._retries = retries

    async def make(self, leave: Leave) -> float:
        """Make one call; return for how many seconds the receiver wants to hear nothing at all."""
        with span("deliver alert", alert=leave.claim.id, calls=leave.claim.calls):
            return await self._make(leave)

    async def _make(self, leave: Leave) -> float:
        claim = leave.claim
        outcome: Outcome | None = None
        was_sent = is_told = is_noted = False
        try:
            if not await self._may_go_out(leave):
                return 0.0
            was_sent = True
            begun = time.monotonic()
            outcome = await self._receiver.send(claim.id, claim.body)
            ALERT_CALLS.labels(_kind(outcome)).observe(time.monotonic() - begun)
            crash_points.reached("alert_sent")
            if _lesson(outcome) is False:
                # Before the slot is free for another call, which may not be let out any more.
                await self._circuit.tell(leave.admission, succeeded=False)
                is_told = True
            await self._note(claim, outcome)
            is_noted = True
            crash_points.reached("alert_noted")
        finally:
            if not is_told:
                await self._circuit.tell(leave.admission, succeeded=_lesson(outcome))
            if not is_noted:
                await self._give_back(claim, outcome, was_sent=was_sent)
        return _quiet_seconds(outcome)

    async def give_up(self, leave: Leave) -> None:
        """Let others make the call: this process ends."""
        await self._circuit.tell(leave.admission, succeeded=None)
        await self._give_back(leave.claim, None, was_sent=False)

    async def _may_go_out(self, leave: Leave) -> bool:
        """False if this process stood still, so that what it was allowed is out of date."""
        if time.monotonic() > leave.until:
            # Another may have sent it meanwhile.
            log.warning("alert_claimed_too_long_ago", **_named(leave.claim))
            return False
        try:
            is_current = await self._circuit.is_current(leave.admission)
        except PyMongoError as error:
            log.warning("circuit_not_asked", reason=repr(error))
            return False
        if not is_current:
            log.info("call_not_let_out", **_named(leave.claim))
        return is_current

    async def _note(self, claim: Claim, outcome: Outcome) -> None:
        """Keep what the receiver said, however long MongoDB is away."""
        backoff = Backoff(_NOTING)
        while True:
            try:
                is_ours = await self._keep(claim, outcome)
            except PyMongoError as error:
                if not backoff.failures:
                    log.warning("alert_not_noted", **_named(claim), reason=repr(error))
                await backoff.sleep()
            else:
                break
        if not is_ours:
            log.warning("alert_overtaken", **_named(claim), outcome=_said(outcome))

    async def _keep(self, claim: Claim, outcome: Outcome) -> bool:
        match outcome:
            case Delivered(status):
                log.info("alert_delivered", **_named(claim), status=status)
                return await self._alerts.deliver(claim)
            case Refused(reason, answer):
                log.error("alert_dead_lettered", **_named(claim), reason=reason)
                return await self._alerts.bury(claim, f"{reason}: {answer}" if answer else reason)
            case Failed(reason):
                seconds = self._delay(claim, outcome)
                log.info("alert_failed", **_named(claim), reason=reason, again_in=seconds)
                return await self._alerts.postpone(claim, reason, seconds)

    def _delay(self, claim: Claim, outcome: Failed) -> float:
        delay = self._retries.delay(claim.calls, _JITTER.random())
        if outcome.retry_after is None:
            return delay
        return max(delay, hold_seconds(outcome.retry_after, datetime.now(UTC), 1))

    async def _give_back(self, claim: Claim, outcome: Outcome | None, *, was_sent: bool) -> None:
        try:
            async with asyncio.timeout(_TELLING_SECONDS):
                await self._alerts.give_back(claim, was_sent=was_sent)
        except (PyMongoError, TimeoutError) as error:
            # The lease runs out by itself.
            log.warning("alert_not_given_back", **_named(claim), reason=repr(error))
        if outcome is not None:
            log.warning("alert_outcome_not_kept", **_named(claim), outcome=_said(outcome))


def _lesson(outcome: Outcome | None) -> bool | None:
    match outcome:
        case Delivered():
            return True
        case Failed(counts=True):
            return False
        case _:
            return None


def _kind(outcome: Outcome) -> str:
    match outcome:
        case Delivered():
            return "delivered"
        case Refused():
            return "refused"
        case Failed():
            return "failed"


def _said(outcome: Outcome) -> str:
    """What a log may say of it."""
    return "delivered" if isinstance(outcome, Delivered) else outcome.reason


def _quiet_seconds(outcome: Outcome) -> float:
    """A receiver that is told too much, RFC 6585, speaks for all alerts."""
    if isinstance(outcome, Failed) and outcome.holds_all:
        return hold_seconds(outcome.retry_after, datetime.now(UTC), 1)
    return 0.0


def _named(claim: Claim) -> dict[str, object]:
    return {
        "alert": claim.id,
        "tenant": claim.body["tenant_id"],
        "ticket": claim.body["ticket_id"],
        "calls": claim.calls,
    }
