"""When tickets are written, and the notations helpdesks put such moments down in."""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from itertools import accumulate
from typing import TypeAlias

Notation: TypeAlias = Callable[[datetime], str]

# Tickets per hour of the day (UTC), from midnight.
_RHYTHM = (2, 1, 1, 1, 1, 2, 5, 11, 19, 24, 24, 21, 17, 20, 22, 21, 19, 15, 11, 9, 8, 6, 5, 3)
_WEEKEND = 0.35  # of a working day


def draw_creations(rng: random.Random, count: int, now: datetime, days: int) -> list[datetime]:
    """Return `count` moments of the `days` before `now`, ascending, in whole seconds."""
    hours = [now - timedelta(hours=hour) for hour in range(1, days * 24 + 1)]
    weights = list(accumulate(_weight(hour) for hour in hours))
    drawn = rng.choices(hours, cum_weights=weights, k=count)
    moments = [hour + timedelta(seconds=rng.randrange(3_590)) for hour in drawn]
    return sorted(moment.replace(microsecond=0) for moment in moments)


def draw_update(rng: random.Random, created: datetime, now: datetime) -> datetime:
    """Return when a ticket was last touched: often never, else minutes to days later."""
    if rng.random() < 0.3:
        return created
    later = created + timedelta(seconds=int(rng.lognormvariate(9.2, 1.6)) + 2)
    return later if later <= now else created


def draw_notation(rng: random.Random) -> Notation:
    """Return one way of writing moments down; a ticket keeps to one."""
    return rng.choices(_NOTATIONS, _NOTATION_SHARES)[0]


def zulu(moment: datetime) -> str:
    """Return `moment` as 2026-11-03T10:20:30Z."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}Z"


def _weight(hour: datetime) -> float:
    weight = _RHYTHM[hour.astimezone(UTC).hour]
    return weight * _WEEKEND if hour.weekday() >= 5 else weight


def _offset(hours: int, fraction: str = "") -> Notation:
    zone = timezone(timedelta(hours=hours))
    suffix = f"{fraction}{hours:+03d}:00"
    return lambda moment: f"{moment.astimezone(zone):%Y-%m-%dT%H:%M:%S}{suffix}"


def _milliseconds(moment: datetime) -> str:
    # Derived from the moment, so that one moment has one text.
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{_thousandths(moment):03d}Z"


def _microseconds(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{_thousandths(moment):03d}417+00:00"


def _no_zone(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}"


def _thousandths(moment: datetime) -> int:
    return int(moment.timestamp()) * 7_919 % 1_000


_NOTATIONS: tuple[Notation, ...] = (
    zulu, _offset(0), _offset(2), _offset(-5), _milliseconds, _microseconds, _no_zone,
)  # fmt: skip
_NOTATION_SHARES = (42, 14, 11, 6, 13, 5, 9)
