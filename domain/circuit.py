"""The circuit breaker: whether a call to a service that fails may go out, and what it teaches."""

from datetime import datetime, timedelta
from typing import Final, Literal, NamedTuple, TypeAlias

import msgspec

Phase: TypeAlias = Literal["closed", "open", "half_open"]

# A probe mostly answers long before its permission ends: who waits for it looks again soon.
LOOK_AGAIN_SECONDS: Final = 0.5


class CircuitRules(NamedTuple):
    """Open at `failures` failures among the last `window` calls; times in seconds."""

    failures: int = 5
    window: int = 10
    open_seconds: float = 30.0
    probe_seconds: float = 30.0


class Admission(NamedTuple):
    """Leave for one call; its outcome counts only in the era that the call began in."""

    call_id: str
    era: int


class Probe(msgspec.Struct, frozen=True):
    """The one call that a half-open circuit let out; from `until` on another may replace it."""

    call_id: str
    until: datetime


class _Era(msgspec.Struct, frozen=True, kw_only=True, tag_field="phase"):
    """What all phases keep.

    `era` grows with every change of phase.  `outcomes` are those of the last calls, oldest first,
    True for success; successes before the first failure change no count and are left out.
    """

    era: int = 0
    outcomes: tuple[bool, ...] = ()

    @property
    def failures(self) -> int:
        """How many of the last calls failed."""
        return self.outcomes.count(False)


class Closed(_Era, frozen=True, kw_only=True, tag="closed"):
    """Every call goes out."""


class Open(_Era, frozen=True, kw_only=True, tag="open"):
    """No call goes out, until the time is over."""

    opened_at: datetime

    def ends_at(self, rules: CircuitRules) -> datetime:
        """When the next call goes out, as a probe."""
        return self.opened_at + timedelta(seconds=rules.open_seconds)


class HalfOpen(_Era, frozen=True, kw_only=True, tag="half_open"):
    """One call at a time goes out, to see whether the service works again."""

    opened_at: datetime
    probe: Probe | None


CircuitState: TypeAlias = Closed | Open | HalfOpen


class CircuitStatus(NamedTuple):
    """A circuit as it is shown; `retry_at` is when a call goes out at the latest, None for now."""

    phase: Phase
    failures: int
    opened_at: datetime | None
    retry_at: datetime | None


def admit(
    state: CircuitState, rules: CircuitRules, now: datetime, call_id: str
) -> tuple[CircuitState, Admission | float]:
    """The next state, and leave for the call or in how many seconds to ask again."""
    match state:
        case Closed():
            return state, Admission(call_id, state.era)
        case Open() if now < state.ends_at(rules):
            return state, _seconds(state.ends_at(rules) - now)
        case HalfOpen(probe=Probe(until=until)) if now < until:
            return state, min(_seconds(until - now), LOOK_AGAIN_SECONDS)
        case Open():
            return _probing(state, state.era + 1, rules, now, call_id)
        case HalfOpen():
            return _probing(state, state.era, rules, now, call_id)


def report(
    state: CircuitState,
    rules: CircuitRules,
    admission: Admission,
    succeeded: bool,
    now: datetime,
) -> CircuitState:
    """The state after the call's outcome; that of an earlier era or replaced probe is ignored.

    A probe that answers late, but before another replaced it, still counts.
    """
    if admission.era != state.era:
        return state
    outcomes = _recorded(state.outcomes, succeeded, rules.window)
    match state:
        case Closed() if succeeded or outcomes.count(False) < rules.failures:
            return Closed(era=state.era, outcomes=outcomes)
        case HalfOpen() if not _is_probe(state, admission):
            return state
        case HalfOpen() if succeeded:
            return Closed(era=state.era + 1)
        case Closed() | HalfOpen():
            return Open(era=state.era + 1, outcomes=outcomes, opened_at=now)
        case Open():
            return state


def is_current(state: CircuitState, admission: Admission) -> bool:
    """True while the call that was admitted may still go out."""
    if isinstance(state, HalfOpen):
        return admission.era == state.era and _is_probe(state, admission)
    return admission.era == state.era


def release(state: CircuitState, admission: Admission) -> CircuitState:
    """The state after a call that taught nothing; if it was the probe, another may be."""
    if isinstance(state, HalfOpen) and _is_probe(state, admission):
        return msgspec.structs.replace(state, probe=None)
    return state


def reset(state: CircuitState) -> CircuitState:
    """Closed, with nothing remembered; calls that are out count no more."""
    return Closed(era=state.era + 1)


def status(state: CircuitState, rules: CircuitRules, now: datetime) -> CircuitStatus:
    """What to show; a circuit that was open for its time is half open, whether or not one asked."""
    match state:
        case Closed():
            return CircuitStatus("closed", state.failures, None, None)
        case Open() if now < state.ends_at(rules):
            return CircuitStatus("open", state.failures, state.opened_at, state.ends_at(rules))
        case HalfOpen(probe=Probe(until=until)) if now < until:
            return CircuitStatus("half_open", state.failures, state.opened_at, until)
        case Open() | HalfOpen():
            return CircuitStatus("half_open", state.failures, state.opened_at, None)


def _probing(
    state: Open | HalfOpen, era: int, rules: CircuitRules, now: datetime, call_id: str
) -> tuple[CircuitState, Admission]:
    probe = Probe(call_id, now + timedelta(seconds=rules.probe_seconds))
    opened = HalfOpen(era=era, outcomes=state.outcomes, opened_at=state.opened_at, probe=probe)
    return opened, Admission(call_id, era)


def _is_probe(state: HalfOpen, admission: Admission) -> bool:
    return state.probe is not None and state.probe.call_id == admission.call_id


def _recorded(outcomes: tuple[bool, ...], succeeded: bool, window: int) -> tuple[bool, ...]:
    last = (*outcomes, succeeded)[-window:]
    return last[last.index(False) :] if False in last else ()


def _seconds(duration: timedelta) -> float:
    return duration.total_seconds()
