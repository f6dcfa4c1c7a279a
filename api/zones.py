"""Time zones: an IANA name or an offset, and the hours that begin by their clocks."""

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from api.errors import ParameterError

HOURS: Final = 24
HOUR: Final = timedelta(hours=1)
_OFFSET = re.compile(r"([+-])([01]\d|2[0-3]):?([0-5]\d)")


def zone_of(text: str) -> tzinfo:
    """The zone that `text` names.

    Raises:
        ParameterError: there is none of this name.
    """
    if text in {"Z", "UTC"}:
        return UTC
    if offset := _OFFSET.fullmatch(text):
        sign = -1 if offset[1] == "-" else 1
        return timezone(sign * timedelta(hours=int(offset[2]), minutes=int(offset[3])))
    if text not in _names():
        raise ParameterError("tz", "is neither an IANA time zone nor an offset like +05:30")
    return ZoneInfo(text)


def last_hours(now: datetime, zone: tzinfo) -> list[datetime]:
    """The begins of the last 24 hours, ascending, the current one last, in UTC.

    Hours are counted back from where the zone's clock last showed a full one, 60 minutes each: a
    change of the clock by whole hours never splits, doubles or drops one.
    """
    current = hour_begin(now, zone)
    return [current - HOUR * back for back in range(HOURS - 1, -1, -1)]


def hour_begin(moment: datetime, zone: tzinfo) -> datetime:
    """When the zone's clock last showed a full hour, in UTC."""
    local = moment.astimezone(zone)
    past = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
    return moment.astimezone(UTC) - past


def clock_time(moment: datetime, zone: tzinfo) -> str:
    """`moment` by the zone's clock, with its offset: `2026-01-31T17:30:00+05:30`."""
    return moment.astimezone(zone).isoformat(timespec="seconds")


@cache
def _names() -> frozenset[str]:
    return frozenset(available_timezones())
