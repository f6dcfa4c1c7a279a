"""Malformed records on every topic beside as many good ones: all told, nothing slower after."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from typing import Final

from benchmarks.bench import Bench
from benchmarks.deployment import Deployment, deployed
from benchmarks.figures import Figure
from benchmarks.judgement import digests_differing
from benchmarks.workload import Records, endless_raw
from dev.malformed_load import MalformedLoad
from dev.ports import free_port
from domain.topics import RAW
from infra import collections
from infra.kafka import Outgoing
from infra.probes import halted_partitions
from infra.publisher import Publisher

_MALFORMED: Final = 100_000
_TIMED: Final = 10_000
_LEAST: Final = 500
_SEED: Final = 20261130
_SERVICES: Final = ("worker", "projector", "notifier", "api")
_LATEST_SECONDS: Final = 900.0
_AS_BEFORE: Final = 0.9  # of the rate before: what two readings of one machine differ by


async def fuzz(bench: Bench) -> AsyncGenerator[Figure]:
    """Time good records, send malformed ones among others, and time good ones again."""
    async with deployed(bench.engines, bench.logs, api_port=free_port()) as deployment:
        publisher = Publisher(deployment.settings)
        supply = endless_raw(deployment.settings.kafka_partitions)
        timed = bench.scaled(_TIMED, least=_LEAST)
        with deployment.running_each(*_SERVICES):
            try:
                await _seconds(deployment, publisher, supply, timed)  # a warm-up
                before = timed / await _seconds(deployment, publisher, supply, timed)
                for figure in await _spoil(bench, deployment):
                    yield figure
                after = timed / await _seconds(deployment, publisher, supply, timed)
            finally:
                await publisher.stop()
            deployment.check()
            wrong = await digests_differing(deployment)
        yield Figure(
            "good records per second after malformed ones, of before", after / before, "x",
            _AS_BEFORE, more_is_better=True, memory_megabytes=deployment.memory_megabytes(),
        )  # fmt: skip
        yield Figure("digests that do not add up after", wrong, "", 0, more_is_better=False)


async def _spoil(bench: Bench, deployment: Deployment) -> list[Figure]:
    count = bench.size("fuzz", _MALFORMED, least=_LEAST)
    loop = asyncio.get_running_loop()
    mongo = deployment.mongo
    there = await mongo[collections.DEAD_LETTERS].count_documents({})
    async with MalformedLoad(deployment.settings, "fuzzed", _SEED) as load:
        began = loop.time()
        await load.send(count)
        await load.until_all_came(mongo, _LATEST_SECONDS)
        took = loop.time() - began
    surplus = await load.surplus(mongo, there)
    halted = await halted_partitions(mongo)
    return [
        Figure(
            f"malformed records, of {count:,}, that are one dead letter each",
            len(load.letters) - abs(surplus), "", count, more_is_better=True,
            details=_by_topic(load),
        ),
        Figure("partitions halted by malformed records", len(halted), "", 0, more_is_better=False),
        Figure("malformed and good records", 2 * count / took, "records/s", 0, more_is_better=True),
    ]  # fmt: skip


def _by_topic(load: MalformedLoad) -> dict[str, float]:
    """How many there were on each topic, and how many kinds of them."""
    topics = Counter(kind.partition(":")[0] for kind in load.kinds.elements())
    return {**topics, "kinds": len(load.kinds)}


async def _seconds(
    deployment: Deployment, publisher: Publisher, supply: Records, count: int
) -> float:
    """How long so many new tickets take from `tickets.raw` to readable."""
    records: dict[int, list[Outgoing]] = {}
    for _ in range(count):
        partition, record = next(supply)
        records.setdefault(partition, []).append(record)
    mongo = deployment.mongo
    there = await mongo["tickets"].count_documents({})
    began = asyncio.get_running_loop().time()
    await publisher.publish(RAW, records)
    ended = await deployment.until_there_are(there + count, "tickets", {}, seconds=_LATEST_SECONDS)
    return ended - began
