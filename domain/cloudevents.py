"""The CloudEvents 1.0 envelope of `tickets.raw`: structured JSON, or binary with `ce_` headers.

Sources: CloudEvents 1.0.2, its JSON event format and its Kafka protocol binding.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec

from domain.errors import RejectedRecordError
from domain.instants import from_milliseconds, parse_instant
from domain.observations import (
    MAX_RECORD_BYTES,
    SeenTicket,
    read_id,
    read_tenant_id,
    read_ticket,
    shown,
    storable,
)
from domain.records import Cause, Deleted, Origin, Provenance, RunEnded
from domain.redriving import Headers, redrive_marks, unmarked

OBSERVED: Final = "ticket.observed"
DELETED: Final = "ticket.deleted"
RUN_ENDED: Final = "run.ended"
LONGEST_ATTRIBUTE: Final = 1024


class RawRecord(NamedTuple):
    """One record of `tickets.raw` as Kafka hands it over; `timestamp` in milliseconds."""

    origin: Origin
    key: bytes | None
    value: bytes | None
    headers: Headers
    timestamp: int


class Sighting(NamedTuple):
    """A `ticket.observed` record, not classified yet."""

    origin: Origin
    provenance: Provenance
    ticket: SeenTicket


RawEvent: TypeAlias = Sighting | Deleted | RunEnded


def read_raw(record: RawRecord) -> RawEvent:
    """What `record` says.

    Raises:
        RejectedRecordError: the record breaks the contract; the reason says how.
    """
    value = record.value or b""
    headers = sum(len(name) + len(content or b"") for name, content in unmarked(record.headers))
    size = len(value) + len(record.key or b"") + headers
    if size > MAX_RECORD_BYTES:
        raise RejectedRecordError(f"record: {size} bytes, at most {MAX_RECORD_BYTES}")
    attributes, body = _envelope(value, record.headers)
    event = _event(record, attributes, body)
    if not isinstance(event, RunEnded):
        _check_key(record.key, event)
    return event


def job_of(record: RawRecord) -> str | None:
    """The run that sent `record`, if it names one, whatever else is wrong with it."""
    try:
        attributes, _ = _envelope(record.value or b"", record.headers)
        return _attribute(attributes, "jobid") if attributes.get("jobid") is not None else None
    except RejectedRecordError:
        return None


def _envelope(value: bytes, headers: Headers) -> tuple[Mapping[str, Any], object]:
    """The context attributes and the data of the event."""
    binary = {name[3:]: content for name, content in headers if name.startswith("ce_")}
    body = _json(value)
    if "specversion" in binary:
        return {name: _header(name, content) for name, content in binary.items()}, body
    if not isinstance(body, dict):
        raise RejectedRecordError(f"envelope: expected an object, got {type(body).__name__}")
    return body, body.get("data")


def _event(record: RawRecord, attributes: Mapping[str, Any], data: object) -> RawEvent:
    if attributes.get("specversion") != "1.0":
        raise RejectedRecordError(
            f"specversion: {shown(attributes.get('specversion'))} is not '1.0'"
        )
    provenance = _provenance(record, attributes)
    match attributes.get("type"):
        case "ticket.observed":
            return Sighting(record.origin, provenance, read_ticket(data))
        case "ticket.deleted":
            return _deletion(record.origin, provenance, attributes, data)
        case "run.ended":
            return _marker(record.origin, data)
        case other:
            raise RejectedRecordError(f"type: {shown(other)} is not known")


def _provenance(record: RawRecord, attributes: Mapping[str, Any]) -> Provenance:
    time = attributes.get("time")
    marks = redrive_marks(record.headers)
    arrived = record.timestamp if marks is None or marks.arrived is None else marks.arrived
    job_id = _attribute(attributes, "jobid") if attributes.get("jobid") is not None else None
    cause: Cause = "upstream" if job_id is None else "crawl"
    return Provenance(
        source=_attribute(attributes, "source"),
        event_id=_attribute(attributes, "id"),
        time=from_milliseconds(arrived) if time is None else parse_instant(time, "time"),
        cause=cause if marks is None else "redrive",
        job_id=job_id,
    )


def _deletion(
    origin: Origin, provenance: Provenance, attributes: Mapping[str, Any], data: object
) -> Deleted:
    if not isinstance(data, Mapping):
        raise RejectedRecordError(f"data: expected an object, got {type(data).__name__}")
    detected_by = _attribute(attributes, "detectedby") if provenance.job_id else "announcement"
    return Deleted(
        origin=origin,
        provenance=provenance,
        tenant_id=read_tenant_id(data),
        external_id=read_id(data, "external_id"),
        deleted_at=parse_instant(data.get("deleted_at"), "deleted_at"),
        detected_by=detected_by,
    )


def _marker(origin: Origin, data: object) -> RunEnded:
    if not isinstance(data, Mapping):
        raise RejectedRecordError(f"data: expected an object, got {type(data).__name__}")
    try:
        return msgspec.convert({**data, "origin": origin, "type": RUN_ENDED}, RunEnded)
    except msgspec.ValidationError as error:
        raise RejectedRecordError(f"run.ended: {error}") from error


def _check_key(key: bytes | None, event: Sighting | Deleted) -> None:
    """Refuse a key that names another tenant than the data."""
    about = event.ticket if isinstance(event, Sighting) else event
    if not key or key == about.external_id.encode():
        return
    tenant, colon, _ = key.partition(b":")
    if colon and tenant != about.tenant_id.encode():
        raise RejectedRecordError(
            f"key: names tenant {tenant[:64].decode(errors='replace')!r}, not {about.tenant_id!r}"
        )


def _attribute(attributes: Mapping[str, Any], name: str) -> str:
    value = attributes.get(name)
    if not isinstance(value, str) or not value:
        raise RejectedRecordError(f"{name}: expected text, got {type(value).__name__}")
    if len(value) > LONGEST_ATTRIBUTE:
        raise RejectedRecordError(f"{name}: {len(value)} characters, at most {LONGEST_ATTRIBUTE}")
    return storable(value, name)


def _header(name: str, content: bytes | None) -> str:
    try:
        return (content or b"").decode()
    except UnicodeDecodeError:
        raise RejectedRecordError(f"header ce_{name[:60]}: not UTF-8") from None


def _json(value: bytes) -> object:
    try:
        return msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RejectedRecordError(f"invalid JSON: {error}") from error
