"""Wake-up calls: a record on `ingestion.commands` for every queued run, best effort."""

import asyncio
from typing import Final

import msgspec
import structlog
from aiokafka.errors import KafkaError

from domain.identity import partition_of
from domain.topics import COMMANDS
from infra.kafka import Outgoing
from infra.mongo import Document
from infra.publisher import Publisher

log = structlog.get_logger()

REQUEST_ID: Final = "x-request-id"  # the header of the record that names the request
_LONGEST_SECONDS: Final = 1.0


class WakeUps:
    """Tells workers of new runs without keeping the caller; they poll too, so a loss is a delay."""

    def __init__(self, publisher: Publisher, partitions: int) -> None:
        self._publisher = publisher
        self._partitions = partitions
        self._under_way: set[asyncio.Task[None]] = set()

    def send(self, job: Document) -> None:
        """Begin to tell; return at once."""
        task = asyncio.create_task(self._send(job))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def close(self) -> None:
        """Wait for what is under way, which is bounded, and close the producer."""
        if self._under_way:
            await asyncio.wait(self._under_way)
        await self._publisher.stop()

    async def _send(self, job: Document) -> None:
        key = job["tenant_id"].encode()
        value = msgspec.json.encode({"job_id": job["_id"], "tenant_id": job["tenant_id"]})
        asked = job.get("request_id")
        headers = [] if asked is None else [(REQUEST_ID, asked.encode())]
        place = partition_of(key, self._partitions)
        try:
            async with asyncio.timeout(_LONGEST_SECONDS):
                await self._publisher.publish(COMMANDS, {place: [Outgoing(key, value, headers)]})
        except (TimeoutError, KafkaError) as error:
            log.warning("wake_up_lost", job_id=job["_id"], reason=repr(error))
