"""Lag: what lies in the log beyond each checkpoint, in events and in seconds."""

import time
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from domain.topics import CHANGES, CLASSIFIED, DEAD_LETTERS, RAW, RUN_EVENTS
from infra import collections
from infra.log_reader import LogReader
from infra.mongo import Document, Mongo
from infra.read_models import Projection, active_generation

# Every consumer that keeps checkpoints: one that never ran has all of its topic before it.
CONSUMERS: Final = (
    ("classifier", RAW),
    ("sync", CLASSIFIED),
    ("tickets", CHANGES),
    ("ingestion_logs", RUN_EVENTS),
    ("dead_letters", DEAD_LETTERS),
)


class PartitionLag(NamedTuple):
    """How far a consumer is behind on one partition.

    `seconds` is the age of the first record that waits, by its Kafka timestamp: 0 if none does,
    None if the checkpoint lies outside the log.  `halted` says why the partition stands still.
    """

    consumer: str
    generation: int
    topic: str
    partition: int
    next_offset: int
    end_offset: int
    events: int
    seconds: float | None
    halted: str | None


async def read_lag(mongo: Mongo, reader: LogReader) -> list[PartitionLag]:
    """The lag of every live consumer, in the order of the pipeline.

    Raises:
        KafkaError: Kafka cannot be asked.
        PyMongoError: MongoDB cannot be asked.
    """
    found = await mongo[collections.CHECKPOINTS].find({"retired": None}).to_list(None)
    checkpoints: dict[tuple[str, str], dict[tuple[int, int], Document]] = {
        consumer: {} for consumer in CONSUMERS
    }
    for document in found:
        known = checkpoints.setdefault((document["consumer"], document["topic"]), {})
        known[document["generation"], document["partition"]] = document
    lags = []
    for (consumer, topic), known in checkpoints.items():
        partitions = await reader.partitions(topic)
        bounds = await reader.bounds(topic, partitions)
        for generation in sorted({generation for generation, _ in known} or {1}):
            for partition in partitions:
                document = known.get((generation, partition), {})
                place = (consumer, generation, topic, partition)
                lags.append(await _measure(reader, place, document, bounds[partition]))
    return lags


def halted(lags: Iterable[PartitionLag]) -> list[PartitionLag]:
    """Those that stand still until an operator looks."""
    return [lag for lag in lags if lag.halted is not None]


async def _measure(
    reader: LogReader,
    place: tuple[str, int, str, int],
    checkpoint: Mapping[str, object],
    bounds: tuple[int, int],
) -> PartitionLag:
    start, end = bounds
    position = int(str(checkpoint.get("next_offset", start)))
    _, _, topic, partition = place
    events = max(end - position, 0)
    seconds: float | None = None
    if start <= position <= end:
        seconds = await _age(reader, topic, partition, position, end) if events else 0.0
    reason = checkpoint.get("halted")
    return PartitionLag(
        *place, position, end, events, seconds, None if reason is None else str(reason)
    )


async def _age(reader: LogReader, topic: str, partition: int, start: int, end: int) -> float:
    """Seconds since the first record from `start` on was written; 0 if there are only markers."""
    records, _ = await reader.read(topic, partition, start, end, limit=1)
    return max(time.time() - records[0].timestamp / 1000, 0.0) if records else 0.0


async def live_seconds(mongo: Mongo, reader: LogReader, projection: Projection) -> float:
    """How many seconds the live generation of a projection is behind, on its slowest partition."""
    live = await active_generation(mongo, projection)
    wanted = {"consumer": projection.consumer, "generation": live.number, "retired": None}
    found = await mongo[collections.CHECKPOINTS].find(wanted).to_list(None)
    bounds = await reader.bounds(projection.topic, [d["partition"] for d in found])
    ages = [
        await _age(
            reader, projection.topic, d["partition"], d["next_offset"], bounds[d["partition"]][1]
        )
        for d in found
        if d["next_offset"] < bounds[d["partition"]][1]
    ]
    return max(ages, default=0.0)
