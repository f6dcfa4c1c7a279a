"""What is written to the topics of a disturbed deployment: a feed, and some of it again."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import TypeVar

from aiokafka.errors import KafkaError

from domain.topics import RAW
from infra.kafka import Outgoing
from infra.log_reader import LogReader
from infra.publisher import Publisher
from infra.settings import Settings
from tests.faults import verdict
from tests.faults.feed import Feed, FeedRecord

T = TypeVar("T")

_TICK_SECONDS = 0.05
_RETRY_SECONDS = 0.2
_LARGEST_CHUNK = 500  # after an outage the feed makes up for it


class Inputs:
    """Writes a feed at `rate` records per second, through outages of Kafka, and repeats records."""

    def __init__(self, settings: Settings, feed: Feed, rate: float) -> None:
        self._settings = settings
        self._feed = feed
        self._rate = rate
        self._publisher = Publisher(settings)
        self._reader = LogReader(settings)
        self._turn = asyncio.Lock()
        self.sent: list[FeedRecord] = []

    async def feed_until(self, over: asyncio.Event) -> None:
        """Write the feed until `over` is set."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        while not over.is_set():
            due = round((loop.time() - began) * self._rate) - len(self.sent)
            chunk = self._feed.take(min(due, _LARGEST_CHUNK))
            async with self._turn:
                await write(self._publisher, chunk)
            self.sent += chunk
            await asyncio.sleep(_TICK_SECONDS)

    async def repeat(self, topic: str, moments: random.Random) -> str:
        """Write some of the latest records of a topic once more; return which."""
        count = moments.randint(1, 300)
        if topic == RAW:
            last = len(self.sent) - moments.randint(0, 300)
            async with self._turn:
                await write(self._publisher, self.sent[max(last - count, 0) : max(last, 0)])
            return f"{count} records"
        partition = moments.randrange(self._settings.kafka_partitions)
        again = await patiently(partial(self._latest, topic, partition, count))
        await self._publisher.publish(topic, {partition: again})
        return f"{len(again)} records of partition {partition}"

    async def _latest(self, topic: str, partition: int, count: int) -> list[Outgoing]:
        _, end = (await self._reader.bounds(topic, [partition]))[partition]
        start = max(end - count, 0)
        records, _ = await self._reader.read(topic, partition, start, end, limit=count)
        return [Outgoing(r.key, r.value or b"", r.headers, r.timestamp) for r in records]

    async def landed(self) -> tuple[list[FeedRecord], list[str]]:
        """The records of the feed as `tickets.raw` holds them, and what is wrong with that."""
        values = {record.value for record in self.sent}
        found = [r for r in await verdict.landed(self._settings) if r.value in values]
        wrong = [
            f"partition {partition} of tickets.raw lacks records of the feed, or their order"
            for partition in range(self._settings.kafka_partitions)
            if not _is_within(_of(partition, self.sent), _of(partition, found))
        ]
        return found, wrong

    async def stop(self) -> None:
        """Close the clients."""
        await self._publisher.stop()
        await self._reader.stop()


async def write(publisher: Publisher, records: Iterable[FeedRecord]) -> None:
    """Write records to `tickets.raw`, each to its partition, in order."""
    outgoing: dict[int, list[Outgoing]] = {}
    for record in records:
        outgoing.setdefault(record.partition, []).append(Outgoing(record.key, record.value))
    await publisher.publish(RAW, outgoing)


async def patiently(ask: Callable[[], Awaitable[T]]) -> T:
    """What Kafka answers, however long it is away."""
    while True:
        try:
            return await ask()
        except KafkaError:
            await asyncio.sleep(_RETRY_SECONDS)


def _of(partition: int, records: Iterable[FeedRecord]) -> list[bytes]:
    return [record.value for record in records if record.partition == partition]


def _is_within(wanted: Iterable[bytes], found: Sequence[bytes]) -> bool:
    """True if `found` has all of `wanted`, in order, whatever lies between."""
    rest = iter(found)
    return all(value in rest for value in wanted)
