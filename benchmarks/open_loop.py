"""An open loop: every record is sent when it is due, however long the answers to others take.

Latency counts from when a record was due, so that a pipeline that stalls is not asked less often
meanwhile, and the stall is seen in the records that should have been sent during it.
"""

import asyncio
from collections.abc import Mapping
from itertools import chain
from typing import Final

from aiokafka import AIOKafkaProducer

from benchmarks.workload import Records
from infra.kafka_security import client_security
from infra.settings import Settings

_TICK_SECONDS: Final = 0.001
_LINGER_MS: Final = 5  # as Kafka's own producers have it, since 4.0; counts as latency


class OpenLoop:
    """Sends records of a supply to a topic, evenly spread over time; started as a context."""

    def __init__(self, settings: Settings, topic: str, records: Records) -> None:
        self._topic = settings.topic(topic)
        self._records = records
        self._producer = AIOKafkaProducer(
            bootstrap_servers=settings.kafka_bootstrap_servers,
            **client_security(settings),
            enable_idempotence=True,
            acks="all",
            linger_ms=_LINGER_MS,
        )
        self._due: dict[str, float] = {}

    async def __aenter__(self) -> "OpenLoop":
        first = next(self._records)  # a supply may take seconds to begin
        self._records = chain([first], self._records)
        await self._producer.start()
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self._producer.stop()

    @property
    def due(self) -> Mapping[str, float]:
        """When each record was due, by its key, on the loop's clock."""
        return self._due

    async def send(self, count: int, rate: float) -> list[str]:
        """Send so many at `rate` a second; return their keys once all are acknowledged."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        keys: list[str] = []
        answers: list[asyncio.Future[object]] = []
        while len(keys) < count:
            due = began + len(keys) / rate
            if (early := due - loop.time()) > 0:
                await asyncio.sleep(max(early, _TICK_SECONDS))
                continue
            partition, record = next(self._records)
            key = (record.key or b"").decode()
            self._due[key] = due
            keys.append(key)
            answers.append(
                await self._producer.send(
                    self._topic, record.value, key=record.key, partition=partition
                )
            )
        await asyncio.gather(*answers)
        return keys


def latencies(
    due: Mapping[str, float], arrived: Mapping[str, float], keys: list[str]
) -> list[float]:
    """Milliseconds from when each record was due to its arrival.

    Raises:
        KeyError: one has not arrived.
    """
    return [(arrived[key] - due[key]) * 1000 for key in keys]
