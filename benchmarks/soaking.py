"""A soak: records, crawls and readers for minutes, a fault every half minute, and a verdict."""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager, suppress
from datetime import timedelta
from typing import Final, NamedTuple

from benchmarks.arrivals import Arrivals, watching
from benchmarks.bench import Bench
from benchmarks.deployment import Deployment, deployed
from benchmarks.figures import Figure
from benchmarks.judgement import differing, digests_differing
from benchmarks.open_loop import OpenLoop
from benchmarks.percentiles import spread
from benchmarks.soak_faults import Inflicted, Trouble, plan
from benchmarks.soak_watch import Visitors, Watch
from benchmarks.waiting import FOLLOWED
from benchmarks.workload import endless_raw
from dev.helpdesk.generator import SAMPLE_TENANTS
from dev.helpdesk.helpdesk import HelpdeskSettings
from dev.helpdesk.server import HelpdeskServer
from dev.ports import free_port
from domain.topics import RAW
from infra.lifetime import beside

RATE: Final = 300.0  # records/s, at scale 1
_LEAST_RATE: Final = 10.0
_MINUTES: Final = 20
_PACE: Final = 30.0  # seconds from fault to fault
_FLEET: Final = {"worker": 2, "projector": 2, "notifier": 1, "api": 1}
_READERS: Final = 2
_TICKETS: Final = 1_000  # of the helpdesk
_WAITING_SECONDS: Final = 2.0  # so many seconds' records are on their way, where nothing is behind
_CALM_SECONDS: Final = 300.0
_MOST_MEGABYTES: Final = 300
_RECOVERED: Final = 15.0
_TO_READABLE_MS: Final = 400.0
_POLL_SECONDS: Final = 1.0
_TAKEN: Final = 200


class _Course(NamedTuple):
    """What a soak consists of, and what is noted of it."""

    deployment: Deployment
    receiver: HelpdeskServer
    load: OpenLoop
    rate: float
    arrivals: Arrivals
    watch: Watch
    visitors: Visitors
    trouble: Trouble


async def soak(bench: Bench) -> AsyncGenerator[Figure]:
    """`--minutes` and `--seed` say how long, and which faults; `--scale` changes the rate only."""
    # Clients of an engine that is away say so thousands of times.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    minutes = bench.sizes.get("soak", _MINUTES)
    seed = bench.seed
    settings = HelpdeskSettings(tickets=_TICKETS, limit=0, notify_failures=0)
    with HelpdeskServer(settings) as receiver:
        async with deployed(
            bench.engines, bench.logs, api_port=free_port(), helpdesk_url=receiver.url,
            alert_max_age=timedelta(days=3650), lease_seconds=15.0,
        ) as deployment:  # fmt: skip
            with _fleet(deployment):
                await deployment.until_assigned(*FOLLOWED)
                async with _course(bench, deployment, receiver, seed) as course:
                    keys = await _endure(course, minutes * 60, seed)
                    await _until_calm(course.watch)
                    for figure in _figures(course, keys):
                        yield figure
                deployment.check()
                for figure in await _verdict(course, keys):
                    yield figure


@asynccontextmanager
async def _course(
    bench: Bench, deployment: Deployment, receiver: HelpdeskServer, seed: int
) -> AsyncIterator[_Course]:
    """Everything there is to it, started."""
    records = endless_raw(deployment.settings.kafka_partitions)
    url = f"http://127.0.0.1:{deployment.settings.api_port}"
    watch = Watch(deployment)
    async with (
        OpenLoop(deployment.settings, RAW, records) as load,
        watching(deployment.settings, "tickets") as arrivals,
        beside(watch.take()),
    ):
        yield _Course(
            deployment, receiver, load, max(RATE * bench.scale, _LEAST_RATE), arrivals, watch,
            Visitors(url, SAMPLE_TENANTS, seed), Trouble(deployment, bench.engines),
        )  # fmt: skip


async def _endure(course: _Course, seconds: float, seed: int) -> list[str]:
    """The keys of what was sent."""
    victims = [name for name, _ in course.deployment.processes()]
    visits = [course.visitors.read() for _ in range(_READERS)]
    async with beside(course.visitors.crawl(), *visits):
        inflicting = asyncio.create_task(
            course.trouble.inflict(plan(seed, seconds, _PACE, victims))
        )
        try:
            keys = await course.load.send(int(seconds * course.rate), course.rate)
            await inflicting
        finally:
            inflicting.cancel()
            with suppress(asyncio.CancelledError):
                await inflicting
    return keys


async def _until_calm(watch: Watch) -> None:
    """Wait until nothing lags.

    Raises:
        TimeoutError: something still does.
    """
    loop = asyncio.get_running_loop()
    began = loop.time()
    while watch.calm_after(began, 0) is None:
        if loop.time() - began > _CALM_SECONDS:
            raise TimeoutError(f"after {_CALM_SECONDS:.0f} s there is lag: {watch.samples[-1:]}")
        await asyncio.sleep(_POLL_SECONDS)


def _figures(course: _Course, keys: Sequence[str]) -> list[Figure]:
    """What was seen while it went on."""
    arrived = [key for key in keys if key in course.arrivals.seen]
    took = [(course.arrivals.seen[key] - course.load.due[key]) * 1000 for key in arrived]
    found = spread(took)
    answers = course.visitors.answers
    return [
        Figure(
            f"soak: raw record to readable at {course.rate:.0f}/s, faults included, p99",
            found["p99"], "ms", _TO_READABLE_MS, more_is_better=False, details=found,
        ),
        _recovery(course.trouble.inflicted, course.watch, round(course.rate * _WAITING_SECONDS)),
        *_memory(course.watch),
        Figure(
            "soak: answers of the API that were 500", _internal_errors(answers), "", 0,
            more_is_better=False, details=dict(answers),
        ),
        Figure(
            "soak: crawls answered", sum(course.visitors.crawls.values()), "", 1,
            more_is_better=True, details=dict(course.visitors.crawls),
        ),
    ]  # fmt: skip


def _recovery(inflicted: Sequence[Inflicted], watch: Watch, most: int) -> Figure:
    """From the end of each fault to no more records on their way than ever; the worst."""
    took: dict[str, float] = {}
    for number, (fault, _, ended) in enumerate(inflicted, start=1):
        calm = watch.calm_after(ended, most)
        took[f"{number} {fault.kind} {fault.victim}"] = round(calm or _CALM_SECONDS, 1)
    lags = [sample.total for sample in watch.samples]
    return Figure(
        f"soak: worst recovery from {len(took)} faults, from their end",
        max(took.values(), default=0.0), "s", _RECOVERED, more_is_better=False,
        details=took | {"most records waiting": max(lags, default=0)},
        samples=[{"moment": round(s.moment, 1), **s.lag} for s in watch.samples[::5]],
    )  # fmt: skip


def _memory(watch: Watch) -> list[Figure]:
    names = sorted({name for reading in watch.memory for name in reading} - {"seconds"})
    figures = []
    for name in names:
        readings = [reading[name] for reading in watch.memory if name in reading]
        if name.endswith("USS"):
            figures.append(
                Figure(
                    f"soak: memory of {name}, at most", max(readings), "MB", _MOST_MEGABYTES,
                    more_is_better=False,
                    details={"first half": max(readings[: len(readings) // 2 + 1]),
                             "second half": max(readings[len(readings) // 2 :])},
                )
            )  # fmt: skip
    return figures


def _internal_errors(answers: Counter[str]) -> int:
    """5xx other than 503, which says that an engine is away."""
    return sum(n for kind, n in answers.items() if kind.startswith("5") and kind != "503")


async def _verdict(course: _Course, keys: Sequence[str]) -> list[Figure]:
    """What the log, the read models and the receiver say in the end."""
    deployment = course.deployment
    lost = await _lost(deployment, keys)
    # Those first: what is delivered meanwhile was heard before it was noted.
    delivered = {
        str(document["_id"])
        async for document in deployment.mongo["alerts"].find({"state": "delivered"}, {"_id": 1})
    }
    waiting = await deployment.mongo["alerts"].count_documents({"state": "pending"})
    calls = course.receiver.notifications()
    told = Counter(str(call.idempotency_key) for call in calls if call.status == _TAKEN)
    twice = sum(number - 1 for number in told.values())
    return [
        Figure("soak: records lost", lost, f"of {len(keys):,}", 0, more_is_better=False),
        Figure("soak: documents that differ from the log", await differing(deployment), "", 0,
               more_is_better=False),
        Figure("soak: digests that do not add up", await digests_differing(deployment), "", 0,
               more_is_better=False),
        Figure("soak: alerts delivered that the receiver never heard of",
               len(delivered - told.keys()), "", 0, more_is_better=False,
               details={"delivered": len(delivered), "heard": len(told),
                        "heard again": twice, "waiting": waiting}),
    ]  # fmt: skip


async def _lost(deployment: Deployment, keys: Sequence[str]) -> int:
    """How many tickets of these keys there are not."""
    there = 0
    step = 5_000
    for begun in range(0, len(keys), step):
        some = list(keys[begun : begun + step])
        there += await deployment.mongo["tickets"].count_documents({"_id": {"$in": some}})
    return len(keys) - there


def _fleet(deployment: Deployment) -> ExitStack:
    """All processes, numbered where there are several of a kind."""
    with ExitStack() as stack:
        for service, number in _FLEET.items():
            for one in range(1, number + 1):
                name = f"{service} {one}" if number > 1 else service
                stack.enter_context(deployment.running(service, name))
        return stack.pop_all()
