"""A rebuild of the tickets beside live ones: its rate, its memory, and what others feel of it."""

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Final

import httpx
import psutil

from benchmarks.bench import Bench
from benchmarks.deployment import Deployment, deployed
from benchmarks.figures import Figure
from benchmarks.workload import endless_changes
from dev.helpdesk.generator import SAMPLE_TENANTS
from dev.ports import free_port
from domain.topics import CHANGES
from infra.kafka import Outgoing
from infra.lag import live_seconds
from infra.lifetime import beside
from infra.publisher import Publisher
from infra.read_models import TICKETS

_COUNT: Final = 1_000_000
_CHUNK: Final = 20_000
_ARRIVING: Final = 300  # events/s meanwhile
_READERS: Final = 2
_ASKING_SECONDS: Final = 0.1  # between two questions of a reader
_SAMPLE_SECONDS: Final = 0.5
_AIM: Final = 20_000
_MOST_MEGABYTES: Final = 300
_LONGEST_LAG: Final = 2.0

Changes = Iterator[tuple[int, Outgoing]]


@dataclass
class Felt:
    """What was noticed while the rebuild was on."""

    lags: list[float] = field(default_factory=list)
    megabytes: float = 0.0
    answers: int = 0
    errors: int = 0
    went_back: int = 0


async def rebuild(bench: Bench) -> AsyncGenerator[Figure]:
    """Fold, verify and swap so many events while others arrive and readers ask."""
    count = bench.size("rebuild", _COUNT, least=1_000)
    async with deployed(bench.engines, bench.logs, api_port=free_port()) as deployment:
        changes = endless_changes(deployment.settings.kafka_partitions)
        publisher = Publisher(deployment.settings)
        try:
            with deployment.running("projector"), deployment.running("api"):
                await _publish(publisher, changes, count)
                await deployment.until("tickets", count, seconds=count / 2_000 + 60)
                felt = Felt()
                async with _disturbing(deployment, publisher, changes, felt):
                    outcome = await _rebuild(deployment, felt)
        finally:
            await publisher.stop()
    for figure in _figures(outcome, felt, count):
        yield figure


def _figures(outcome: Mapping[str, Any], felt: Felt, count: int) -> list[Figure]:
    seconds: dict[str, float] = outcome["seconds"]
    name = f"rebuild of {count:,} events"
    lags = sorted(felt.lags)
    return [
        _at_least(f"{name}, folded", count / seconds["folding"]),
        _at_least(f"{name}, verified and swapped", count / sum(seconds.values())),
        _at_most("memory of the rebuild's largest process", felt.megabytes, "MB", _MOST_MEGABYTES),
        _at_most("live lag during a rebuild, p99", lags[int(len(lags) * 0.99)], "s", _LONGEST_LAG),
        _at_most(f"errors among {felt.answers:,} answers during a rebuild", felt.errors, "", 0),
        _at_most("answers older than one before, during a rebuild", felt.went_back, "", 0),
    ]


def _at_least(name: str, rate: float) -> Figure:
    return Figure(name, rate, "events/s", _AIM, more_is_better=True)


def _at_most(name: str, value: float, unit: str, aim: float) -> Figure:
    return Figure(name, value, unit, aim, more_is_better=False)


async def _publish(publisher: Publisher, changes: Changes, count: int) -> None:
    for start in range(0, count, _CHUNK):
        records: dict[int, list[Outgoing]] = {}
        for partition, record in islice(changes, min(_CHUNK, count - start)):
            records.setdefault(partition, []).append(record)
        await publisher.publish(CHANGES, records)


async def _rebuild(deployment: Deployment, felt: Felt) -> Mapping[str, Any]:
    program = str(Path(sys.executable).with_name("deskstream"))
    environment = os.environ | deployment.environment() | {"CI": "true"}
    process = await asyncio.create_subprocess_exec(
        program, "rebuild", "tickets", "--json",
        env=environment, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    answering = asyncio.create_task(process.communicate())
    while not answering.done():
        felt.megabytes = max(felt.megabytes, _megabytes(process.pid))
        await asyncio.wait([answering], timeout=_SAMPLE_SECONDS)
    output, _ = answering.result()
    [outcome] = json.loads(output)
    found: Mapping[str, Any] = outcome
    return found


def _megabytes(pid: int) -> float:
    """Resident memory of the largest process of a tree."""
    try:
        root = psutil.Process(pid)
        return max(p.memory_info().rss for p in [root, *root.children(recursive=True)]) / 1e6
    except psutil.NoSuchProcess:
        return 0.0


def _disturbing(
    deployment: Deployment, publisher: Publisher, changes: Changes, felt: Felt
) -> AbstractAsyncContextManager[None]:
    """Events that arrive and readers that ask, inside the block."""
    return beside(
        _arrive(publisher, changes),
        _watch(deployment, felt),
        *(_read(deployment, felt) for _ in range(_READERS)),
    )


async def _arrive(publisher: Publisher, changes: Changes) -> None:
    began, sent = time.monotonic(), 0
    while True:
        due = int((time.monotonic() - began) * _ARRIVING) - sent
        if due > 0:
            await _publish(publisher, changes, due)
            sent += due
        await asyncio.sleep(0.05)


async def _watch(deployment: Deployment, felt: Felt) -> None:
    while True:
        felt.lags.append(await live_seconds(deployment.mongo, deployment.reader, TICKETS))
        await asyncio.sleep(_SAMPLE_SECONDS)


async def _read(deployment: Deployment, felt: Felt) -> None:
    """Ask for what changed last, tenant after tenant; nothing may be older than it was before."""
    seen: dict[str, int] = {}
    port = deployment.settings.api_port
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as api:
        while True:
            for tenant in SAMPLE_TENANTS:
                query = {"tenant_id": tenant, "limit": "50", "sort": "-changed_at"}
                answer = await api.get("/tickets", params=query)
                felt.answers += 1
                if answer.status_code != httpx.codes.OK:
                    felt.errors += 1
                    continue
                for ticket in answer.json()["tickets"]:
                    key = f"{tenant}:{ticket['external_id']}"
                    felt.went_back += ticket["version"] < seen.get(key, 0)
                    seen[key] = max(seen.get(key, 0), ticket["version"])
                await asyncio.sleep(_ASKING_SECONDS)
