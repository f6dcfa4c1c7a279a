"""What the helpdesk remembers of its callers: requests and notifications."""

import time
from datetime import UTC, datetime
from typing import Any

import msgspec


class RequestRecord(msgspec.Struct):
    """One request; `status` is None until it is answered, and stays None if it never is."""

    arrived_monotonic: float  # seconds, the clock of every process on this machine
    arrived_at: str  # RFC 3339, UTC
    method: str
    path: str
    query: str
    status: int | None = None
    refused_by_limit: bool = False
    faults: list[str] = []


class Notification(msgspec.Struct):
    """One call of POST /notify, as it was answered."""

    arrived_monotonic: float
    arrived_at: str
    idempotency_key: str | None
    body: Any
    status: int
    call: int  # 1, 2, 3... for this ticket


def stamp() -> tuple[float, str]:
    """Return this moment by the monotonic and by the wall clock."""
    return time.monotonic(), datetime.now(UTC).isoformat(timespec="microseconds")


def record_request(method: str, path: str, query: bytes) -> RequestRecord:
    """Return the record of a request that has just arrived."""
    return RequestRecord(*stamp(), method, path, query.decode("latin-1"))
