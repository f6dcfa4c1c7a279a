"""Talking to a running pipeline: produce raw records, wait for what becomes of them."""

import asyncio
import json
import uuid
from collections.abc import Awaitable, Callable
from typing import Any, Self

from aiokafka import AIOKafkaProducer, TopicPartition

from domain.topics import DEAD_LETTERS, RAW
from infra.kafka import plain_consumer
from infra.mongo import Mongo
from infra.settings import Settings

PATIENCE = 40.0


class Pipeline:
    """A producer to `tickets.raw` and the read models behind it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.mongo = Mongo(settings)
        self._producer = AIOKafkaProducer(bootstrap_servers=settings.kafka_bootstrap_servers)

    async def __aenter__(self) -> Self:
        await self._producer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._producer.stop()
        self.mongo.close()

    async def produce(
        self,
        value: bytes,
        *,
        key: bytes | None = None,
        partition: int | None = None,
        headers: list[tuple[str, bytes]] | None = None,
    ) -> None:
        """Write one record to `tickets.raw`, acknowledged."""
        await self._producer.send_and_wait(
            self.settings.topic(RAW), value, key=key, partition=partition, headers=headers or []
        )

    async def ticket(self, tenant_id: str, external_id: str) -> dict[str, Any]:
        """The ticket's document, once it is there."""
        wanted = {"_id": f"{tenant_id}:{external_id}"}
        found = await eventually(lambda: self.mongo["tickets"].find_one(wanted))
        assert found is not None
        return dict(found)

    async def history(self, tenant_id: str, external_id: str) -> list[dict[str, Any]]:
        """The ticket's history, oldest first."""
        wanted = {"tenant_id": tenant_id, "ticket_id": external_id}
        return await self.mongo["ticket_history"].find(wanted).sort("version").to_list(None)

    async def dead_letters(self) -> list[dict[str, Any]]:
        """Every dead letter so far: its value and headers."""
        consumer = plain_consumer(self.settings)
        await consumer.start()
        try:
            places = [
                TopicPartition(self.settings.topic(DEAD_LETTERS), p)
                for p in range(self.settings.kafka_partitions)
            ]
            ends = await consumer.end_offsets(places)
            consumer.assign(places)
            for place in places:
                consumer.seek(place, 0)
            found: list[dict[str, Any]] = []
            while any([await consumer.position(p) < ends[p] for p in places]):
                for records in (await consumer.getmany(timeout_ms=500)).values():
                    found += [
                        {"value": r.value, **{n: v.decode() for n, v in r.headers}} for r in records
                    ]
            return found
        finally:
            await consumer.stop()


async def eventually(
    ask: Callable[[], Awaitable[Any]],
    satisfied: Callable[[Any], bool] = lambda x: x is not None,
    patience: float = PATIENCE,
) -> Any:
    """The first satisfying answer; fails when none comes within `patience` seconds."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + patience
    while True:
        answer = await ask()
        if satisfied(answer):
            return answer
        assert loop.time() < deadline, f"not in {patience} s; last answer: {answer!r}"
        await asyncio.sleep(0.05)


def tenant() -> str:
    """A tenant that no other test uses."""
    return f"t-{uuid.uuid4().hex[:8]}"


def observed(tenant_id: str, external_id: str = "T-1", **changes: Any) -> bytes:
    """A structured CloudEvent that shows a ticket; `changes` go into the ticket or the envelope."""
    envelope = {
        "specversion": "1.0",
        "type": "ticket.observed",
        "source": "crm",
        "id": changes.pop("event_id", uuid.uuid4().hex),
        **({"time": changes.pop("time")} if "time" in changes else {}),
    }
    ticket = {
        "id": external_id,
        "tenant_id": tenant_id,
        "source": "email",
        "customer_id": "c-1",
        "subject": "Cannot log in",
        "message": "The login page says invalid credentials.",
        "status": "open",
        "created_at": "2026-11-20T10:00:00Z",
        "updated_at": "2026-11-20T10:00:00Z",
    }
    return json.dumps(envelope | {"data": ticket | changes}).encode()


def deleted(tenant_id: str, external_id: str = "T-1", **changes: Any) -> bytes:
    """A structured CloudEvent that says that a ticket is gone."""
    data = {
        "tenant_id": tenant_id,
        "external_id": external_id,
        "deleted_at": "2026-11-21T10:00:00Z",
    }
    envelope = {
        "specversion": "1.0",
        "type": "ticket.deleted",
        "source": "crm",
        "id": uuid.uuid4().hex,
    }
    return json.dumps(envelope | changes | {"data": data}).encode()
