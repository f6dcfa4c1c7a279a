"""What the benchmarks send: believable tickets of median 600 and p95 4,000 characters."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count, islice
from typing import Any

from dev.helpdesk.generator import SAMPLE_TENANTS, generate
from domain.changes import decide
from domain.events import encode
from domain.identity import partition_of, ticket_key
from domain.observations import read_ticket
from domain.records import Observed, Origin, Provenance
from domain.ticket_state import TicketState
from infra.kafka import Outgoing
from infra.rules import default_classifier

_NOW = datetime(2026, 11, 1, tzinfo=UTC)
_DISTINCT = 10_000


def tickets(distinct: int = _DISTINCT) -> Iterator[dict[str, Any]]:
    """Different tickets without end, no two with the same text; so many before one comes again."""
    originals = generate(11, distinct, SAMPLE_TENANTS, now=_NOW, long_messages=True)
    for number in count():
        row = dict(originals[number % len(originals)])
        row["id"] = f"{row['id']}-{number // len(originals)}"
        row["subject"] = f"{row['subject']} (case {number})"  # no text twice: nothing remembered
        yield row


def raw_records(number_of: int, partitions: int) -> dict[int, list[Outgoing]]:
    """Upstream records by partition."""
    records: dict[int, list[Outgoing]] = {p: [] for p in range(partitions)}
    for number, row in enumerate(islice(tickets(min(number_of, _DISTINCT)), number_of)):
        key = ticket_key(row["tenant_id"], str(row["id"])).encode()
        envelope = {
            "specversion": "1.0",
            "type": "ticket.observed",
            "source": "benchmark",
            "id": str(number),
            "data": row,
        }
        value = json.dumps(envelope).encode()
        records[partition_of(key, partitions)].append(Outgoing(key, value))
    return records


def change_events(number_of: int, partitions: int) -> dict[int, list[Outgoing]]:
    """Change events by partition: three of five create a ticket, the others update one."""
    records: dict[int, list[Outgoing]] = {p: [] for p in range(partitions)}
    changes = endless_changes(partitions, min(number_of, _DISTINCT))
    for partition, record in islice(changes, number_of):
        records[partition].append(record)
    return records


def endless_changes(partitions: int, distinct: int = _DISTINCT) -> Iterator[tuple[int, Outgoing]]:
    """The same without end, one after the other, each with its partition."""
    classifier = default_classifier()
    for number, row in enumerate(tickets(distinct)):
        state: TicketState | None = None
        for version, status in enumerate(("open", "closed") if number % 3 else ("open",)):
            seen = read_ticket(row | {"status": status, "updated_at": f"2026-11-0{version + 2}"})
            observed = Observed(
                Origin(0, 0, number),
                Provenance("benchmark", f"{number}-{version}", _NOW, "upstream"),
                seen,
                classifier.classify(seen.fields.subject, seen.fields.message),
            )
            known = state or TicketState(tenant_id=seen.tenant_id, external_id=seen.external_id)
            state, _, event = decide(known, observed)
            if event is None:
                raise AssertionError("the workload changes nothing")
            key = seen.key.encode()
            yield partition_of(key, partitions), Outgoing(key, encode(event))
