"""Alerts: deliveries a minute behind the circuit, and what a flood of them costs the pipeline."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from benchmarks.bench import Bench
from benchmarks.deployment import Deployment, deployed
from benchmarks.figures import Figure, cpu_share
from benchmarks.workload import tickets
from dev.helpdesk.faults import SlowAnswer
from dev.helpdesk.helpdesk import HelpdeskSettings
from dev.helpdesk.server import HelpdeskServer
from domain.identity import partition_of, ticket_key
from domain.topics import RAW
from infra.kafka import Outgoing
from infra.publisher import Publisher

NOTIFIERS: Final = 2
_ALERTS: Final = 200
_LEAST_A_MINUTE: Final = 4.6
_LONGEST_SECONDS: Final = 30.0  # for one alert
_FLOOD: Final = 20_000
_WARM_UP: Final = 2_000
_LATENT_SECONDS: Final = 2.0
_SAMPLE_SECONDS: Final = 2.0
_URGENT: Final = "Our whole shop is down and nobody can pay, please help urgently"


async def alert_rate(bench: Bench) -> AsyncGenerator[Figure]:
    """Deliveries a minute, everything as it ships: 200 of them take half an hour."""
    count = bench.size("alerts", _ALERTS)
    with HelpdeskServer(HelpdeskSettings(tickets=1, limit=0)) as receiver:
        yield await _rate(bench, receiver, count)


async def alert_flood(bench: Bench) -> AsyncGenerator[Figure]:
    """What 5,000 alerts at once cost the pipeline, with a receiver that takes 2 s for each."""
    with HelpdeskServer(HelpdeskSettings(tickets=1, limit=0, notify_failures=0)) as receiver:
        receiver.install_faults([SlowAnswer(route="notify", seconds=_LATENT_SECONDS, times=None)])
        for notifiers in (0, NOTIFIERS):
            yield await _pipeline(bench, receiver, notifiers=notifiers)


async def _rate(bench: Bench, receiver: HelpdeskServer, count: int) -> Figure:
    """A receiver that fails the first two calls of each ticket; everything else as it ships."""
    async with deployed(bench.engines, bench.logs, helpdesk_url=receiver.url) as deployment:
        publisher = Publisher(deployment.settings)
        with _running(deployment, {"worker": 1, "projector": 1, "notifier": NOTIFIERS}):
            try:
                await _settled(deployment)
                records = _raw(count, deployment.settings.kafka_partitions, lambda _: True)
                await publisher.publish(RAW, records)
            finally:
                await publisher.stop()
            began = asyncio.get_running_loop().time()
            ended = await deployment.until_there_are(
                count, "alerts", {"state": "delivered"}, seconds=count * _LONGEST_SECONDS + 120
            )
            minutes = (ended - began) / 60
    calls = receiver.notifications()
    taken = [str(call.idempotency_key) for call in calls if call.status == 200]
    if len(taken) != count or len(set(taken)) != count or len(calls) != 3 * count:
        raise AssertionError(f"{count} alerts, {len(calls)} calls, {len(taken)} taken")
    return Figure(
        f"{count} alerts, first two calls of each fail", count / minutes, "a minute",
        _LEAST_A_MINUTE, more_is_better=True,
    )  # fmt: skip


async def _pipeline(bench: Bench, receiver: HelpdeskServer, *, notifiers: int) -> Figure:
    """`tickets.raw` to readable, every fourth ticket urgent, the receiver taking 2 s for each."""
    async with deployed(
        bench.engines, bench.logs, helpdesk_url=receiver.url, alert_max_age=timedelta(days=365)
    ) as deployment:
        publisher = Publisher(deployment.settings)
        counts = {"worker": 1, "projector": 1, "notifier": notifiers}
        with _running(deployment, counts):
            try:
                await _settled(deployment, notifiers=notifiers)
                figure = await _measured(
                    deployment, publisher, notifiers, bench.scaled(_FLOOD, least=400)
                )
            finally:
                await publisher.stop()
    return figure


async def _measured(
    deployment: Deployment, publisher: Publisher, notifiers: int, count: int
) -> Figure:
    partitions = deployment.settings.kafka_partitions
    await publisher.publish(RAW, _raw(_WARM_UP, partitions, lambda _: False))
    await deployment.until("tickets", _WARM_UP)
    records = _raw(count, partitions, lambda number: number % 4 == 0, prefix="flood")
    before, began = deployment.cpu_seconds(), asyncio.get_running_loop().time()
    sending = asyncio.create_task(publisher.publish(RAW, records))
    ended = await deployment.until("tickets", _WARM_UP + count)
    await sending
    cpu = cpu_share(before, deployment.cpu_seconds(), ended - began)
    samples = [await _sampled(deployment) for _ in range(15)] if notifiers else []
    return Figure(
        f"{count:,} tickets, {count // 4:,} urgent at once, {notifiers} notifiers",
        count / (ended - began), "tickets/s", 1_400, more_is_better=True,
        cpu=cpu, memory_megabytes=deployment.memory_megabytes(), samples=samples,
    )  # fmt: skip


async def _sampled(deployment: Deployment) -> Mapping[str, float]:
    """Memory and sockets of the notifiers, and what waits, once every two seconds."""
    await asyncio.sleep(_SAMPLE_SECONDS)
    pending = await deployment.mongo["alerts"].count_documents({"state": "pending"})
    sockets = {
        f"{name} sockets": float(len(process.net_connections()))
        for name, process in deployment.processes()
        if name.startswith("notifier")
    }
    return {"pending": float(pending), **deployment.memory_megabytes(), **sockets}


async def _settled(deployment: Deployment, *, notifiers: int = NOTIFIERS) -> None:
    """Wait until notifiers have looked where the log ends."""
    wanted = deployment.settings.kafka_partitions if notifiers else 0
    await deployment.until_there_are(wanted, "checkpoints", {"consumer": "alerts"})


@contextmanager
def _running(deployment: Deployment, counts: Mapping[str, int]) -> Iterator[None]:
    with ExitStack() as stack:
        for service, count in counts.items():
            for number in range(count):
                name = f"{service} {number + 1}" if count > 1 else service
                stack.enter_context(deployment.running(service, name))
        yield


def _raw(
    count: int, partitions: int, is_urgent: Callable[[int], bool], prefix: str = "alert"
) -> dict[int, list[Outgoing]]:
    """Upstream records of tickets created now, by partition."""
    now = datetime.now(UTC).isoformat()
    records: dict[int, list[Outgoing]] = {p: [] for p in range(partitions)}
    for number, row in zip(range(count), tickets(), strict=False):
        fields: dict[str, Any] = {"id": f"{prefix}-{number}", "created_at": now, "status": "open"}
        fields |= {"subject": f"Question {number}", "message": "What are your opening hours?"}
        if is_urgent(number):
            fields |= {"subject": f"Outage {number}", "message": f"{_URGENT} ({number})."}
        key = ticket_key(row["tenant_id"], fields["id"]).encode()
        envelope = {
            "specversion": "1.0",
            "type": "ticket.observed",
            "source": "benchmark",
            "id": f"{prefix}-{number}",
            "data": row | fields | {"updated_at": now},
        }
        records[partition_of(key, partitions)].append(Outgoing(key, json.dumps(envelope).encode()))
    return records
