"""A second opinion on a rewritten record: held against the original by name, and byte by byte."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from infra.kafka import Record

_TAKEN: Final[Mapping[str, str | None]] = {"subject": "", "message": "", "customer_id": None}
# What an erasure leaves, and may hold the same words by accident.
_LEFT: Final = ("tenant_id", "external_id", "source", "source_event_id", "detected_by", "job_id")
_SHORTEST: Final = 8  # characters: shorter ones are found in anything


def objection(old: Record, new: Record) -> str | None:
    """What is wrong with a record of the new log; None if it is what it should be."""
    for name in ("offset", "key", "timestamp"):
        if getattr(old, name) != getattr(new, name):
            return f"another {name} than the record of the old log"
    if list(old.headers) != list(new.headers):
        return "other headers than the record of the old log"
    if old.value == new.value:
        return None
    before, after = msgspec.json.decode(old.value or b""), msgspec.json.decode(new.value or b"")
    if _without(before) != after:
        return "it differs in more than what was erased"
    encoded = (msgspec.json.encode(value)[1:-1] for value in _taken(before))
    if any(value in (new.value or b"") for value in encoded):
        return "it holds something that was erased"
    return None


def _without(event: Mapping[str, Any]) -> dict[str, Any]:
    ticket = event["ticket"]
    evidence = ticket["classification"]
    matched = [{**match, "text": ""} for match in evidence["matched"]]
    changes = [
        {**c, "old": _TAKEN[c["field"]], "new": _TAKEN[c["field"]]} if c["field"] in _TAKEN else c
        for c in event["changes"]
    ]
    bare = {**ticket, **_TAKEN, "classification": {**evidence, "matched": matched}}
    return {**event, "changes": changes, "ticket": bare}


def _taken(event: Mapping[str, Any]) -> Iterator[str]:
    """Every value that must not be there any more, and could not be there by accident."""
    ticket = event["ticket"]
    values = [ticket[name] for name in _TAKEN]
    values += [match["text"] for match in ticket["classification"]["matched"]]
    for change in event["changes"]:
        values += [change["old"], change["new"]] if change["field"] in _TAKEN else []
    left = " ".join(str(event[name]) for name in _LEFT) + ticket["status"]
    for value in values:
        if isinstance(value, str) and len(value) >= _SHORTEST and value not in left:
            yield value
