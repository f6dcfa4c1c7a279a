"""Urgent tickets in the log, notifiers in this process, and the sample receiver behind them."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from msgspec.structs import replace

from dev.helpdesk.records import Notification
from dev.helpdesk.server import HelpdeskServer
from domain.events import ChangeEvent, encode
from domain.identity import change_event_id, partition_of
from domain.instants import to_milliseconds
from domain.records import Deleted, Observed
from domain.retry import RetryPolicy
from domain.topics import CHANGES
from infra.circuits import NOTIFY, circuits_of
from infra.kafka import Outgoing
from infra.log_reader import LogReader
from infra.mongo import Document, Mongo
from infra.publisher import Publisher
from infra.settings import Settings
from notifications.notifier import run_notifier
from tests.domain.strategies import ALARMED, BEGIN, log_of, observed
from tests.integration.pipeline import eventually

QUICK: Final = RetryPolicy(first=0.02, longest=0.2)
NOW: Final = datetime.now(UTC).replace(microsecond=0)


@dataclass
class Notified:
    """Publishes change events, runs notifiers, and looks at both sides."""

    settings: Settings
    mongo: Mongo
    receiver: HelpdeskServer
    reader: LogReader
    publisher: Publisher

    async def publish(
        self, events: Iterable[ChangeEvent], written_at: datetime | None = None
    ) -> None:
        """Append to `tickets.changes`, as written when each was observed unless told otherwise."""
        records: dict[int, list[Outgoing]] = {}
        for event in events:
            key = event.key.encode()
            partition = partition_of(key, self.settings.kafka_partitions)
            records.setdefault(partition, []).append(
                Outgoing(key, encode(event), (), to_milliseconds(written_at or event.observed_at))
            )
        await self.publisher.publish(CHANGES, records)

    async def alerts(self, **wanted: Any) -> list[Document]:
        """The alerts as they are kept, the oldest first."""
        return (
            await self.mongo["alerts"].find(wanted).sort([("due_at", 1), ("_id", 1)]).to_list(None)
        )

    async def states(self) -> dict[str, int]:
        """How many alerts are in which state."""
        return dict(Counter(alert["state"] for alert in await self.alerts()))

    async def until(self, patience: float = 60.0, **states: int) -> None:
        """Wait for exactly so many alerts in each state."""
        await eventually(self.states, lambda found: found == states, patience)

    async def read(self) -> None:
        """Wait until the whole log was looked at for alerts."""
        await eventually(self._is_read, bool)

    async def _is_read(self) -> bool:
        found = await self.mongo["checkpoints"].find({"consumer": "alerts"}).to_list(None)
        bounds = await self.reader.bounds(CHANGES, list(range(self.settings.kafka_partitions)))
        reached = {document["partition"]: document["next_offset"] for document in found}
        return reached == {partition: end for partition, (_, end) in bounds.items()}

    def calls(self) -> list[Notification]:
        """Every call that the receiver got."""
        return self.receiver.notifications()

    async def number_of_calls(self) -> int:
        """How many calls the receiver got."""
        return len(self.calls())

    async def seconds_since_a_call(self) -> float:
        """How long ago the last call arrived."""
        return time.monotonic() - self.calls()[-1].arrived_monotonic

    async def circuit_phase(self) -> str:
        """Closed, open or half open, as a process of its own sees it."""
        return (await circuits_of(self.mongo, self.settings)[NOTIFY].status()).phase

    def acknowledged(self) -> Counter[str]:
        """How often the receiver took each alert."""
        return Counter(str(call.idempotency_key) for call in self.calls() if call.status == 200)

    @asynccontextmanager
    async def notifiers(
        self, processes: int = 1, retries: RetryPolicy = QUICK, **changes: Any
    ) -> AsyncIterator[None]:
        """Notifiers that share the work, inside the block, all of them ready."""
        stop = asyncio.Event()
        settings = self.settings.model_copy(update=changes)
        running = [
            asyncio.create_task(run_notifier(settings, stop, retries)) for _ in range(processes)
        ]
        try:
            await eventually(self.has_begun, bool)
            yield
        finally:
            stop.set()
            await asyncio.gather(*running)

    async def has_begun(self) -> bool:
        """True once a notifier has looked where the log ends."""
        found = await self.mongo["checkpoints"].count_documents({"consumer": "alerts"})
        return found == self.settings.kafka_partitions


@asynccontextmanager
async def notified(
    settings: Settings, mongo: Mongo, receiver: HelpdeskServer
) -> AsyncIterator[Notified]:
    """A deployment whose alerts go to `receiver`; no notifier runs yet."""
    async with AsyncExitStack() as stack:
        receiver.remove_faults()
        receiver.forget_notifications()
        reader, publisher = LogReader(settings), Publisher(settings)
        stack.push_async_callback(reader.stop)
        stack.push_async_callback(publisher.stop)
        told = settings.model_copy(
            update={
                "helpdesk_url": receiver.url,
                "breaker_open_seconds": 0.3,
                "notify_timeout": 2.0,
            }
        )
        yield Notified(told, mongo, receiver, reader, publisher)


def urgent(number: int = 1, tenant_id: str = "acme", **changes: Any) -> list[ChangeEvent]:
    """So many tickets, created urgent one after the other; `changes` are of the events."""
    return [
        event
        for index in range(number)
        for event in history(
            f"T-{index:05}", tenant_id, observed(index / 1000, labels=ALARMED), **changes
        )
    ]


def history(
    external_id: str, tenant_id: str, *records: Observed | Deleted, **changes: Any
) -> list[ChangeEvent]:
    """The events of one ticket, as if all had happened just now."""
    return [_moved(event, external_id, tenant_id, changes) for event in log_of(records)]


def _moved(
    event: ChangeEvent, external_id: str, tenant_id: str, changes: dict[str, Any]
) -> ChangeEvent:
    ticket = {"created_at": NOW, **changes.get("ticket", {})}
    moved: dict[str, Any] = {
        "id": change_event_id(f"{tenant_id}:{external_id}", event.version),
        "tenant_id": tenant_id,
        "external_id": external_id,
        "observed_at": NOW + (event.observed_at - BEGIN),
    }
    return replace(event, **{**moved, **changes, "ticket": replace(event.ticket, **ticket)})
