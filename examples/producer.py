"""Sends tickets to `tickets.raw` as CloudEvents, and says where Kafka has put each.

    python examples/producer.py tickets.jsonl

Each line of the file is a ticket.  An event's id is made of what it says, `updated_at` included:
sent again, it changes nothing.  Needs aiokafka; KAFKA_BOOTSTRAP_SERVERS, KAFKA_TOPIC_PREFIX.
"""

import asyncio
import hashlib
import json
import os
import sys
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, NotRequired, TypedDict

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

SOURCE = "https://shop.example/support"


class Ticket(TypedDict):
    """What `ticket.observed` shows; see docs/contracts/schemas/ticket-observed.json."""

    id: str | int
    tenant_id: str
    status: str
    created_at: str
    updated_at: str  # or a return to an earlier state would be taken for a repeat of it
    source: NotRequired[str | None]
    customer_id: NotRequired[str | int | None]
    subject: NotRequired[str | None]
    message: NotRequired[str | None]


class Delivery(NamedTuple):
    """Where a ticket was written, or why it was not."""

    ticket: Ticket
    partition: int | None = None
    offset: int | None = None
    error: str | None = None


def envelope(ticket: Ticket, seen_at: datetime) -> bytes:
    """The CloudEvent that says that a ticket looks like this."""
    content = json.dumps(ticket, sort_keys=True).encode()
    event = {
        "specversion": "1.0",
        "type": "ticket.observed",
        "source": SOURCE,
        "id": hashlib.sha256(content).hexdigest(),
        "time": seen_at.astimezone(UTC).isoformat(),
        "datacontenttype": "application/json",
        "data": ticket,
    }
    return json.dumps(event).encode()


async def deliver(
    producer: AIOKafkaProducer, topic: str, tickets: Iterable[Ticket]
) -> AsyncIterator[Delivery]:
    """Send all tickets, batched by the client, and report each once Kafka has it."""
    now = datetime.now(UTC)
    sent = []
    for ticket in tickets:
        key = f"{ticket['tenant_id']}:{ticket['id']}".encode()
        sent.append((ticket, await producer.send(topic, envelope(ticket, now), key=key)))
    for ticket, acknowledgement in sent:
        try:
            written = await acknowledgement
        except KafkaError as error:
            yield Delivery(ticket, error=repr(error))
        else:
            yield Delivery(ticket, written.partition, written.offset)


async def main(tickets: list[Ticket]) -> int:
    """Send them; 1 if anything was not delivered."""
    topic = os.environ.get("KAFKA_TOPIC_PREFIX", "") + "tickets.raw"
    producer = AIOKafkaProducer(
        bootstrap_servers=os.environ.get("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:19092"),
        enable_idempotence=True,  # what is retried is there once, and in order
        acks="all",
        linger_ms=5,
    )
    await producer.start()
    failed = 0
    try:
        async for delivery in deliver(producer, topic, tickets):
            name = f"{delivery.ticket['tenant_id']}:{delivery.ticket['id']}"
            if delivery.error is None:
                print(f"{name} at {delivery.partition}/{delivery.offset}")
            else:
                failed = 1
                print(f"{name} not delivered: {delivery.error}", file=sys.stderr)
    finally:
        await producer.stop()
    return failed


if __name__ == "__main__":
    lines = Path(sys.argv[1]).read_text().splitlines()
    sys.exit(asyncio.run(main([json.loads(line) for line in lines])))
