"""Instants: ISO 8601 in every notation a helpdesk uses, UTC milliseconds inside."""

import re
from datetime import UTC, datetime
from typing import Final

from domain.errors import RejectedRecordError

# `fromisoformat` takes any character for the T, and a NUL at the end.
_NOTATION: Final = re.compile(r"[0-9TWZ:.,+ -]+")


def parse_instant(text: object, field: str) -> datetime:
    """The instant that `text` names, in UTC, cut to milliseconds.

    ISO 8601 with `Z`, an offset, fractions of any length, or no zone at all, which means UTC;
    letters may be small, as in RFC 3339.

    Raises:
        RejectedRecordError: `text` is no such instant; the reason names `field`.
    """
    if not isinstance(text, str):
        raise RejectedRecordError(f"{field}: expected an ISO 8601 instant, got {_kind(text)}")
    try:
        return _read(text.strip().upper())
    except (ValueError, OverflowError):
        raise RejectedRecordError(f"{field}: {text[:40]!r} is no ISO 8601 instant") from None


def cut(moment: datetime) -> datetime:
    """`moment` without what MongoDB cannot keep: everything below a millisecond."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def from_milliseconds(milliseconds: int) -> datetime:
    """The instant of a Kafka timestamp, milliseconds since 1970.

    Raises:
        RejectedRecordError: the producer stamped a year that no calendar here has.
    """
    seconds, rest = divmod(milliseconds, 1000)
    try:
        return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest * 1000)
    except (ValueError, OverflowError, OSError):
        raise RejectedRecordError(f"timestamp: {milliseconds} ms is no instant") from None


def to_milliseconds(moment: datetime) -> int:
    """Milliseconds since 1970, as Kafka counts them."""
    return round(moment.timestamp() * 1000)


def rfc3339(moment: datetime) -> str:
    """`2026-01-31T12:00:00.000Z`: what the API and the history show."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _read(notation: str) -> datetime:
    if not _NOTATION.fullmatch(notation):
        raise ValueError(notation)
    moment = datetime.fromisoformat(notation)
    return cut(moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC))


def _kind(value: object) -> str:
    return "nothing" if value is None else type(value).__name__
