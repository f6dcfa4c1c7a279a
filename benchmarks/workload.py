"""What the benchmarks send: believable tickets of median 600 and p95 4,000 characters."""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import count, islice
from typing import Any, Final, TypeAlias

from msgspec.structs import replace

from dev.helpdesk.generator import SAMPLE_TENANTS, generate
from domain.changes import decide
from domain.events import ChangeEvent, encode
from domain.identity import change_event_id, partition_of, ticket_key
from domain.observations import read_ticket
from domain.records import Observed, Origin, Provenance
from domain.ticket_state import TicketState
from infra.kafka import Outgoing
from infra.rules import default_classifier

Life: TypeAlias = tuple[ChangeEvent, ...]  # the facts of one ticket, oldest first
Records: TypeAlias = Iterator[tuple[int, Outgoing]]

_NOW: Final = datetime(2026, 11, 1, tzinfo=UTC)
DISTINCT: Final = 10_000


def tickets(distinct: int = DISTINCT) -> Iterator[dict[str, Any]]:
    """Different tickets without end, no two with the same text; so many before one comes again."""
    originals = generate(11, distinct, SAMPLE_TENANTS, now=_NOW, long_messages=True)
    for number in count():
        row = dict(originals[number % len(originals)])
        row["id"] = f"{row['id']}-{number // len(originals)}"
        row["subject"] = f"{row['subject']} (case {number})"  # no text twice: nothing remembered
        yield row


def raw_records(number_of: int, partitions: int) -> dict[int, list[Outgoing]]:
    """Upstream records by partition."""
    return _by_partition(endless_raw(partitions, min(number_of, DISTINCT)), number_of, partitions)


def endless_raw(partitions: int, distinct: int = DISTINCT) -> Records:
    """Upstream records without end, each of a new ticket, each with its partition."""
    for number, row in enumerate(tickets(distinct)):
        key = ticket_key(row["tenant_id"], str(row["id"])).encode()
        envelope = {
            "specversion": "1.0",
            "type": "ticket.observed",
            "source": "benchmark",
            "id": str(number),
            "data": row,
        }
        yield partition_of(key, partitions), Outgoing(key, json.dumps(envelope).encode())


def change_events(number_of: int, partitions: int) -> dict[int, list[Outgoing]]:
    """Change events by partition: three of five create a ticket, the others update one."""
    changes = endless_changes(partitions, min(number_of, DISTINCT))
    return _by_partition(changes, number_of, partitions)


def endless_changes(partitions: int, distinct: int = DISTINCT) -> Records:
    """The same without end, one after the other, each with its partition."""
    return _copies(_lives(distinct), partitions)


def new_tickets(partitions: int, distinct: int = DISTINCT) -> Records:
    """Change events without end that each create a ticket, each with its partition."""
    return _copies([life[:1] for life in _lives(distinct)], partitions)


def life_of(row: dict[str, Any], *, is_closed: bool) -> Life:
    """The events of a ticket that was opened, and perhaps closed."""
    state: TicketState | None = None
    events = []
    for version, status in enumerate(("open", "closed") if is_closed else ("open",)):
        seen = row | {"status": status, "updated_at": f"2026-11-0{version + 2}"}
        state, event = observed(seen, state, f"{row['id']}-{version}")
        events.append(event)
    return tuple(events)


def observed(
    row: dict[str, Any], state: TicketState | None, event_id: str
) -> tuple[TicketState, ChangeEvent]:
    """The event that a ticket as it is seen now adds to what is known of it."""
    seen = read_ticket(row)
    record = Observed(
        Origin(0, 0, 0),
        Provenance("benchmark", event_id, _NOW, "upstream"),
        seen,
        default_classifier().classify(seen.fields.subject, seen.fields.message),
    )
    known = state or TicketState(tenant_id=seen.tenant_id, external_id=seen.external_id)
    state, _, event = decide(known, record)
    if event is None:
        raise AssertionError("the workload changes nothing")
    return state, event


def renamed(event: ChangeEvent, external_id: str, **fields: Any) -> ChangeEvent:  # noqa: ANN401
    """The same fact about another ticket of that tenant, with these fields of its own."""
    key = ticket_key(event.tenant_id, external_id)
    return replace(
        event,
        id=change_event_id(key, event.version),
        external_id=external_id,
        ticket=replace(event.ticket, **fields),
    )


def placed(event: ChangeEvent, partitions: int) -> tuple[int, Outgoing]:
    """An event as it is published, with its partition."""
    key = event.key.encode()
    return partition_of(key, partitions), Outgoing(key, encode(event))


def _lives(distinct: int) -> list[Life]:
    originals = generate(11, distinct, SAMPLE_TENANTS, now=_NOW, long_messages=True)
    return [life_of(row, is_closed=number % 3 > 0) for number, row in enumerate(originals)]


def _copies(lives: Sequence[Life], partitions: int) -> Records:
    """These lives again and again, each time of other tickets."""
    for number in count():
        life = lives[number % len(lives)]
        external_id = f"{life[0].external_id}-{number // len(lives)}"
        subject = f"{life[0].ticket.subject} (case {number})"
        for event in life:
            yield placed(renamed(event, external_id, subject=subject), partitions)


def _by_partition(records: Records, number_of: int, partitions: int) -> dict[int, list[Outgoing]]:
    found: dict[int, list[Outgoing]] = {p: [] for p in range(partitions)}
    for partition, record in islice(records, number_of):
        found[partition].append(record)
    return found
