"""Hours, days and weeks by a zone's clock: where each begins, and the time before."""

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final, Literal, TypeAlias

from api.errors import ParameterError
from api.zones import HOUR, hour_begin

Interval: TypeAlias = Literal["hour", "day", "week"]

MOST: Final = 1_000
_DEFAULTS: Final[dict[Interval, int]] = {"hour": 24, "day": 30, "week": 12}
_DAYS: Final[dict[Interval, int]] = {"day": 1, "week": 7}
LEAST: Final = timedelta(milliseconds=1)


def begins_of(interval: Interval, begin: datetime, end: datetime, zone: tzinfo) -> list[datetime]:
    """The begins, in UTC, of the intervals that a range touches; the first may be before it.

    A day of a zone may have 23, 24 or 25 hours, a week begins on a Monday (ISO 8601), and hours
    have 60 minutes each.

    Raises:
        ParameterError: they are more than one answer has room for, or beyond the calendar.
    """
    begins = []
    at = _floor(interval, begin, zone)
    while at < end:
        begins.append(at)
        if len(begins) > MOST:
            reason = f"is shorter than the range has room for: at most {MOST} in one answer"
            raise ParameterError("interval", reason)
        at = shifted(interval, at, 1, zone)
    return begins


def range_of(
    interval: Interval, asked: tuple[datetime | None, datetime | None], now: datetime, zone: tzinfo
) -> tuple[datetime, datetime]:
    """The range asked for; what was left open is 24 hours, 30 days or 12 weeks up to now.

    Raises:
        ParameterError: the range ends before it begins, or beyond the calendar.
    """
    begin, end = asked
    if end is None:
        end = shifted(interval, _floor(interval, now, zone), 1, zone)
    if begin is None:
        last = _floor(interval, end - LEAST, zone)
        begin = shifted(interval, last, 1 - _DEFAULTS[interval], zone)
    if begin > end:
        raise ParameterError("from_date", "is later than the end of the present interval")
    return begin, end


def shifted(interval: Interval, moment: datetime, count: int, zone: tzinfo) -> datetime:
    """`count` intervals later by the zone's clock, in UTC; a time that a change of it skips moves.

    Raises:
        ParameterError: there is no such time in the calendar.
    """
    try:
        if interval == "hour":
            return moment + count * HOUR
        local = moment.astimezone(zone).replace(tzinfo=None) + count * timedelta(
            days=_DAYS[interval]
        )
        return local.replace(tzinfo=zone).astimezone(UTC)
    except OverflowError:
        raise ParameterError("interval", "leads beyond the years 1 to 9999") from None


def _floor(interval: Interval, moment: datetime, zone: tzinfo) -> datetime:
    try:
        if interval == "hour":
            return hour_begin(moment, zone)
        local = moment.astimezone(zone)
        back = local.weekday() if interval == "week" else 0
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
        day = midnight - timedelta(days=back)
        return day.replace(tzinfo=zone).astimezone(UTC)
    except OverflowError:
        raise ParameterError("interval", "leads beyond the years 1 to 9999") from None
