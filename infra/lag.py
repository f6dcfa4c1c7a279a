"""Lag: what lies in the log beyond each checkpoint, in events and in seconds."""

import time
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple, TypeAlias

from domain.topics import CHANGES, CLASSIFIED, DEAD_LETTERS, RAW, RUN_EVENTS
from infra import collections
from infra.log_reader import LogReader
from infra.mongo import Document, Mongo
from infra.read_models import PROJECTIONS, Projection, active_generation

# Every consumer that keeps checkpoints: one that never ran has all of its topic before it.
CONSUMERS: Final = (
    ("classifier", RAW),
    ("sync", CLASSIFIED),
    ("tickets", CHANGES),
    ("ingestion_logs", RUN_EVENTS),
    ("dead_letters", DEAD_LETTERS),
)

# The documents of each consumer of a topic, by generation and partition.
Standing: TypeAlias = Mapping[tuple[str, str], Mapping[tuple[int, int], Document]]


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
    """The lag of every live consumer, and of shadows, in the order of the pipeline.

    Raises:
        KafkaError: Kafka cannot be asked.
        PyMongoError: MongoDB cannot be asked.
    """
    return await lag_behind(await standing(mongo), reader)


async def standing(mongo: Mongo) -> Standing:
    """Where each consumer stands that is not retired.

    Raises:
        PyMongoError: MongoDB cannot be asked.
    """
    found = await mongo[collections.CHECKPOINTS].find({"retired": None}).to_list(None)
    known: dict[tuple[str, str], dict[tuple[int, int], Document]] = {
        consumer: {} for consumer in CONSUMERS
    }
    for document in found:
        some = known.setdefault((document["consumer"], document["topic"]), {})
        some[document["generation"], document["partition"]] = document
    return known


async def without_shadows(mongo: Mongo, known: Standing) -> Standing:
    """Where the consumers stand that readers wait for.

    Raises:
        PyMongoError: MongoDB cannot be asked.
    """
    live = {p.consumer: (await active_generation(mongo, p)).number for p in PROJECTIONS}
    return {
        (consumer, topic): {
            (generation, partition): document
            for (generation, partition), document in some.items()
            if generation == live.get(consumer, generation)
        }
        for (consumer, topic), some in known.items()
    }


async def lag_behind(known: Standing, reader: LogReader) -> list[PartitionLag]:
    """What the log holds beyond these places, which were read before.

    Raises:
        KafkaError: Kafka cannot be asked.
    """
    lags: list[PartitionLag] = []
    for (consumer, topic), documents in known.items():
        partitions = await reader.partitions(topic)
        if not partitions:
            continue
        bounds = await reader.bounds(topic, partitions)
        for generation in sorted({generation for generation, _ in documents} or {1}):
            places = {p: documents.get((generation, p), {}) for p in partitions}
            standing_at = {
                p: int(place.get("next_offset", bounds[p][0])) for p, place in places.items()
            }
            ages = await _ages(reader, topic, standing_at, bounds)
            lags += [
                PartitionLag(
                    consumer,
                    generation,
                    topic,
                    p,
                    next_offset=standing_at[p],
                    end_offset=bounds[p][1],
                    events=max(bounds[p][1] - standing_at[p], 0),
                    seconds=ages.get(p),
                    halted=place.get("halted"),
                )
                for p, place in places.items()
            ]
    return lags


def halted(lags: Iterable[PartitionLag]) -> list[PartitionLag]:
    """Those that stand still until an operator looks."""
    return [lag for lag in lags if lag.halted is not None]


async def live_seconds(mongo: Mongo, reader: LogReader, projection: Projection) -> float:
    """How many seconds the live generation of a projection is behind, on its slowest partition."""
    live = await active_generation(mongo, projection)
    wanted = {"consumer": projection.consumer, "generation": live.number, "retired": None}
    found = await mongo[collections.CHECKPOINTS].find(wanted).to_list(None)
    bounds = await reader.bounds(projection.topic, [d["partition"] for d in found])
    positions = {d["partition"]: d["next_offset"] for d in found}
    ages = await _ages(reader, projection.topic, positions, bounds)
    return max(ages.values(), default=0.0)


async def _ages(
    reader: LogReader,
    topic: str,
    positions: Mapping[int, int],
    bounds: Mapping[int, tuple[int, int]],
) -> dict[int, float]:
    """Seconds since the first record that waits was written, 0 where none does.

    A partition is left out where the log does not reach its position.
    """
    within = {p: at for p, at in positions.items() if bounds[p][0] <= at <= bounds[p][1]}
    waiting = {p: (at, bounds[p][1]) for p, at in within.items() if at < bounds[p][1]}
    first = await reader.first_timestamps(topic, waiting) if waiting else {}
    now = time.time()
    return {p: max(now - first[p] / 1000, 0.0) if p in first else 0.0 for p in within}
