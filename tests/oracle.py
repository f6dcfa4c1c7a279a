"""A naive second opinion: what a log of inputs, and documents of a log, must be by the contract.

It shares no code with the program, keeps everything it ever saw, and looks for its answers by
searching.  Instants are RFC 3339 text with milliseconds, which compare as text.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

Event = dict[str, Any]
Documents = dict[str, dict[str, Any]]

FIELDS = ("subject", "message", "status", "customer_id", "source", "created_at")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_REMEMBERED = 32


class Input(NamedTuple):
    """A record of `tickets.raw`: its place, its stamp in milliseconds, and its decoded envelope.

    Anything but an object of the two known types is passed over, as dead letters are; what is of
    a known type must be valid.
    """

    partition: int
    offset: int
    timestamp: int
    envelope: Any


def decoded(partition: int, offset: int, timestamp: int, value: bytes | None) -> Input:
    """The input that raw bytes are; invalid JSON has no envelope."""
    try:
        return Input(partition, offset, timestamp, json.loads(value or b""))
    except ValueError:
        return Input(partition, offset, timestamp, None)


@dataclass
class _Ticket:
    log: list[Event] = field(default_factory=list)
    ids: list[tuple[str, str]] = field(default_factory=list)
    sightings: list[str] = field(default_factory=list)
    deletions: list[str] = field(default_factory=list)

    def gone_since(self) -> str | None:
        """The latest deletion, if no sighting that counted came after it was taken in."""
        return max(self.deletions, default=None)

    def last_shown(self) -> Event:
        """The event of the last observation that changed the ticket."""
        return [event for event in self.log if event["type"] != "deleted"][-1]


def naive_log(inputs: Iterable[Input]) -> dict[str, list[Event]]:
    """The change events of each ticket, by `tenant:external_id`, for inputs in this order.

    An event has `type`, `version`, `occurred_at`, `observed_at`, `source_event_id`, the ticket's
    fields with `updated_at` and `deleted_at`, and `changes`: old and new of each changed field.
    """
    tickets: dict[str, _Ticket] = {}
    places = set()
    for entry in inputs:
        data = _data(entry.envelope)
        if data is None or (entry.partition, entry.offset) in places:
            continue
        places.add((entry.partition, entry.offset))
        observation = entry.envelope["type"] == "ticket.observed"
        name = data["id" if observation else "external_id"]
        ticket = tickets.setdefault(f"{data['tenant_id']}:{name}", _Ticket())
        identity = (entry.envelope["source"], entry.envelope["id"])
        if identity in ticket.ids[-_REMEMBERED:]:
            continue
        ticket.ids.append(identity)
        event = {
            "observed_at": _instant(entry.envelope.get("time"), entry.timestamp),
            "source_event_id": entry.envelope["id"],
        }
        if observation:
            _show(ticket, event | _fields(data))
        else:
            _delete(ticket, event | {"deleted_at": _instant(data["deleted_at"])})
    return {key: ticket.log for key, ticket in tickets.items() if ticket.log}


def recorded(value: Mapping[str, Any]) -> Event:
    """A decoded value of `tickets.changes` in the shape of `naive_log`."""
    ticket = value["ticket"]
    return {
        "type": value["type"],
        "version": value["version"],
        "occurred_at": _instant(value["occurred_at"]),
        "observed_at": _instant(value["observed_at"]),
        "source_event_id": value["source_event_id"],
        **{name: ticket[name] for name in FIELDS},
        "created_at": _instant(ticket["created_at"]),
        "updated_at": _instant(ticket["updated_at"]),
        "deleted_at": None if ticket["deleted_at"] is None else _instant(ticket["deleted_at"]),
        "changes": [change for change in value["changes"] if change["field"] in FIELDS],
    }


def naive_documents(
    values: Iterable[Mapping[str, Any]],
) -> tuple[Documents, list[dict[str, Any]]]:
    """The `tickets` documents by `_id`, and the `ticket_history` documents, in order.

    `values` are decoded values of `tickets.changes`; run markers, late duplicates, and whatever
    follows a gap of its ticket are passed over.
    """
    tickets: Documents = {}
    history = []
    for value in values:
        if "version" not in value:
            continue
        key = f"{value['tenant_id']}:{value['external_id']}"
        if value["version"] != tickets.get(key, {"version": 0})["version"] + 1:
            continue
        tickets[key] = _document(key, value)
        history.append(_history(key, value))
    return tickets, history


def _data(envelope: Any) -> dict[str, Any] | None:
    if not isinstance(envelope, dict) or not isinstance(envelope.get("data"), dict):
        return None
    known = envelope.get("type") in ("ticket.observed", "ticket.deleted")
    return dict(envelope["data"]) if known else None


def _show(ticket: _Ticket, seen: Event) -> None:
    gone = ticket.gone_since()
    if gone is not None and seen["observed_at"] <= gone:
        return
    ticket.deletions.clear()
    ticket.sightings.append(seen["observed_at"])
    if not ticket.log:
        _write(ticket, "created", seen["created_at"], seen)
    elif gone is not None:
        _write(ticket, "restored", seen["observed_at"], seen)
    elif _changes(ticket.log[-1], seen) and _is_newer(seen, ticket.last_shown()):
        _write(ticket, "updated", seen["updated_at"], seen)


def _is_newer(seen: Event, shown: Event) -> bool:
    return (seen["updated_at"], seen["observed_at"]) > (shown["updated_at"], shown["observed_at"])


def _delete(ticket: _Ticket, said: Event) -> None:
    if any(sighting >= said["observed_at"] for sighting in ticket.sightings):
        return
    was_gone = bool(ticket.deletions)
    ticket.deletions.append(said["observed_at"])
    if ticket.log and not was_gone:
        _write(ticket, "deleted", said["deleted_at"], ticket.log[-1] | said)


def _write(ticket: _Ticket, type_: str, occurred_at: str, after: Event) -> None:
    before = ticket.log[-1] if ticket.log else after
    said = {
        "type": type_,
        "version": len(ticket.log) + 1,
        "occurred_at": occurred_at,
        "changes": _changes(before, after),
    }
    ticket.log.append(after | said)


def _changes(before: Event, after: Event) -> list[dict[str, Any]]:
    return [
        {"field": name, "old": before[name], "new": after[name]}
        for name in FIELDS
        if before[name] != after[name]
    ]


def _fields(data: Mapping[str, Any]) -> Event:
    created_at = _instant(data["created_at"])
    customer_id = data.get("customer_id")
    return {
        "subject": data.get("subject") or "",
        "message": data.get("message") or "",
        "status": data["status"],
        "customer_id": None if customer_id in (None, "") else str(customer_id),
        "source": data.get("source"),
        "created_at": created_at,
        "updated_at": _instant(data.get("updated_at") or data["created_at"]),
        "deleted_at": None,
    }


def _instant(text: str | None, milliseconds: int = 0) -> str:
    if text is not None:
        moment = datetime.fromisoformat(text)
        since = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH
        milliseconds = since // timedelta(milliseconds=1)
    moment = _EPOCH + timedelta(milliseconds=milliseconds)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{milliseconds % 1000:03}Z"


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(_instant(text))


def _document(key: str, value: Mapping[str, Any]) -> dict[str, Any]:
    moments = ("created_at", "updated_at", "deleted_at")
    return {
        **value["ticket"],
        **{name: _moment(value["ticket"][name]) for name in moments},
        "_id": key,
        "tenant_id": value["tenant_id"],
        "external_id": value["external_id"],
        "version": value["version"],
        "changed_at": _moment(value["observed_at"]),
    }


def _history(key: str, value: Mapping[str, Any]) -> dict[str, Any]:
    same = ("tenant_id", "version", "changes", "job_id", "cause", "detected_by")
    return {
        **{name: value[name] for name in same},
        "_id": f"{key}:{value['version']}",
        "ticket_id": value["external_id"],
        "action": value["type"],
        "occurred_at": _moment(value["occurred_at"]),
        "observed_at": _moment(value["observed_at"]),
    }
