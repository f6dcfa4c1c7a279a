"""The moment of the first start, kept in a file: later starts make the same tickets."""

import os
from datetime import UTC, datetime
from pathlib import Path

import msgspec


class _State(msgspec.Struct, forbid_unknown_fields=True):
    now: datetime


def first_start(path: Path, now: datetime) -> datetime:
    """Return the moment kept in `path`; where there is none yet, keep and return `now`."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=_State).now
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        written = path.with_name(f"{path.name}.{os.getpid()}")
        written.write_bytes(msgspec.json.encode(_State(now)))
        written.replace(path)
        return now


def parse_moment(text: str) -> datetime:
    """Return the moment that `text` (ISO 8601) names; no zone means UTC."""
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=moment.tzinfo or UTC)
