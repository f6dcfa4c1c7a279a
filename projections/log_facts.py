"""A second opinion on the log: what its records say, without a line of the projectors' code.

Only the wire format is shared: JSON with the fields of the contract.  What a projector reads by
typed structs is read here by name, and what it writes as documents is written down once more.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec

from domain.errors import UndecodableEventError

Document: TypeAlias = dict[str, Any]

_READABLE: Final = (1, 2)
# What an erasure takes, and what stands in its place.
_TAKEN: Final = {"subject": "", "message": "", "customer_id": None}
_MOMENTS: Final = ("created_at", "updated_at", "deleted_at")
_PLAIN: Final = (
    *("source", "customer_id", "subject", "message", "status"),
    *("urgency", "sentiment", "requires_action"),
)
_COUNTERS: Final = (
    *("pages", "fetched", "new_ingested", "updated", "unchanged", "stale", "deleted"),
    *("restored", "rejected", "foreign", "duplicates"),
)


class Fact(NamedTuple):
    """What one record says: the document after it, and its entry in the history, if it has one.

    `key` is the document's `_id`, `record_key` the key that the record must have.  `left` is the
    entry once an erasure follows, and `erases` says that this record is one.
    """

    key: str
    tenant_id: str
    record_key: str
    version: int
    document: Document
    entry: Document | None
    left: Document | None = None
    erases: bool = False


def read_change(value: bytes | None) -> Fact | None:
    """What a record of `tickets.changes` says; None for the marker of a run.

    Raises:
        UndecodableEventError: it is no change event of a version that is known here.
    """
    said = _fields(value)
    try:
        return None if said["kind"] == "run.ended" else _change(said)
    except (KeyError, TypeError, ValueError) as error:
        raise UndecodableEventError(f"{type(error).__name__}: {error}") from error


def read_audit(value: bytes | None) -> Fact:
    """What a record of `ingestion.events` says.

    Raises:
        UndecodableEventError: it is not the audit of a run.
    """
    said = _fields(value)
    try:
        document = {
            **{name: said[name] for name in ("job_id", "tenant_id", "parent_id", "status")},
            **{name: said[name] for name in _COUNTERS},
            "_id": said["job_id"],
            "started_at": _moment(said["started_at"]),
            "ended_at": _moment(said["ended_at"]),
            "errors": said.get("errors", []),
        }
    except (KeyError, TypeError, ValueError) as error:
        raise UndecodableEventError(f"{type(error).__name__}: {error}") from error
    tenant_id = document["tenant_id"]
    return Fact(document["_id"], tenant_id, tenant_id, 1, document, None)


def _fields(value: bytes | None) -> Document:
    try:
        said = msgspec.json.decode(value or b"")
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise UndecodableEventError(str(error)) from error
    if not isinstance(said, dict):
        raise UndecodableEventError("it is no JSON object")
    return said


def _change(said: Mapping[str, Any]) -> Fact:
    if said["schema_version"] not in _READABLE:
        raise ValueError(f"schema_version {said['schema_version']} is not known here")
    version, ticket = said["version"], said["ticket"]
    if type(version) is not int or version < 1:
        raise ValueError(f"version {version!r}")
    key = f"{said['tenant_id']}:{said['external_id']}"
    observed_at = _moment(said["observed_at"])
    evidence = ticket["classification"]
    document = {
        **{name: ticket[name] for name in _PLAIN},
        **{name: _moment(ticket[name]) for name in _MOMENTS},
        "_id": key,
        "tenant_id": said["tenant_id"],
        "external_id": said["external_id"],
        "classification": {
            "matched": [{"rule": m["rule"], "text": m["text"]} for m in evidence["matched"]],
            "ruleset_version": evidence["ruleset_version"],
        },
        "version": version,
        "changed_at": observed_at,
    }
    entry = {
        **{name: said[name] for name in ("tenant_id", "job_id", "cause", "detected_by")},
        "_id": f"{key}:{version}",
        "ticket_id": said["external_id"],
        "version": version,
        "action": said["type"],
        "changes": [{n: change[n] for n in ("field", "old", "new")} for change in said["changes"]],
        "occurred_at": _moment(said["occurred_at"]),
        "observed_at": observed_at,
    }
    if ticket.get("erased_at") is not None:
        document["erased_at"] = _moment(ticket["erased_at"])
    left, erases = _left_of(entry), said["type"] == "erased"
    return Fact(key, said["tenant_id"], key, version, document, entry, left, erases)


def _left_of(entry: Document) -> Document:
    """An entry of the history without what it says of text and customer."""
    if not any(change["field"] in _TAKEN for change in entry["changes"]):
        return entry
    changes = [
        {**change, "old": _TAKEN[change["field"]], "new": _TAKEN[change["field"]]}
        if change["field"] in _TAKEN
        else change
        for change in entry["changes"]
    ]
    return {**entry, "changes": changes}


def _moment(text: str | None) -> datetime | None:
    """The instant, cut to what MongoDB keeps of it."""
    if text is None:
        return None
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no zone")
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
