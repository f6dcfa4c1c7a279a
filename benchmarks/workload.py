"""What the benchmarks send: believable tickets of median 600 and p95 4,000 characters."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
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


def tickets(count: int) -> Iterator[dict[str, Any]]:
    """So many different tickets, no two with the same text."""
    originals = generate(11, min(count, _DISTINCT), SAMPLE_TENANTS, now=_NOW, long_messages=True)
    for number in range(count):
        row = dict(originals[number % len(originals)])
        row["id"] = f"{row['id']}-{number // len(originals)}"
        row["subject"] = f"{row['subject']} (case {number})"  # no text twice: nothing remembered
        yield row


def raw_records(count: int, partitions: int) -> dict[int, list[Outgoing]]:
    """Upstream records by partition."""
    records: dict[int, list[Outgoing]] = {p: [] for p in range(partitions)}
    for number, row in enumerate(tickets(count)):
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


def change_events(count: int, partitions: int) -> dict[int, list[Outgoing]]:
    """Change events by partition: three of five create a ticket, the others update one."""
    records: dict[int, list[Outgoing]] = {p: [] for p in range(partitions)}
    classifier = default_classifier()
    written = 0
    for number, row in enumerate(tickets(count)):
        state: TicketState | None = None
        for version, status in enumerate(("open", "closed") if number % 3 else ("open",)):
            seen = read_ticket(row | {"status": status, "updated_at": f"2026-11-0{version + 2}"})
            observed = Observed(
                Origin(0, 0, written),
                Provenance("benchmark", f"{number}-{version}", _NOW, "upstream"),
                seen,
                classifier.classify(seen.fields.subject, seen.fields.message),
            )
            known = state or TicketState(tenant_id=seen.tenant_id, external_id=seen.external_id)
            state, _, event = decide(known, observed)
            if event is None:
                raise AssertionError("the workload changes nothing")
            key = seen.key.encode()
            records[partition_of(key, partitions)].append(Outgoing(key, encode(event)))
            written += 1
            if written == count:
                return records
    return records
