"""Crawling: 10,000 tickets of one tenant from a helpdesk without limit, to `completed`."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace
from typing import Final

from benchmarks.bench import Bench
from benchmarks.deployment import Deployment, deployed
from benchmarks.figures import Figure, cpu_share
from benchmarks.naive import PLAIN_TICKETS, crawl_plainly
from dev.helpdesk.helpdesk import HelpdeskSettings
from dev.helpdesk.server import HelpdeskServer
from domain.runs import ENDED
from infra.collections import INDEXES, TICKETS
from infra.indexes import make_indexes
from infra.jobs import jobs_of
from infra.mongo import Document

TENANT: Final = "lumenfold"
_COUNT: Final = 10_000


async def crawl(bench: Bench) -> AsyncGenerator[Figure]:
    """The first run, and an unchanged second one; beside it a plain loop over the pages."""
    count = bench.size("crawl", _COUNT, least=100)
    settings = HelpdeskSettings(tickets=count, tenants=(TENANT,), limit=0, long_messages=True)
    with HelpdeskServer(settings) as helpdesk:
        async with deployed(bench.engines, bench.logs, helpdesk_url=helpdesk.url) as deployment:
            first, again = await _figures(deployment, count)
            plain = deployment.mongo[PLAIN_TICKETS]
            await make_indexes(plain, INDEXES[TICKETS])
            yield replace(first, naive=await crawl_plainly(helpdesk.url, plain))
            yield replace(again, naive=await crawl_plainly(helpdesk.url, plain))


async def _figures(deployment: Deployment, count: int) -> tuple[Figure, Figure]:
    with deployment.running_each("worker", "projector"):
        await timed_run(deployment, "nobody")
        return (
            await _figure(deployment, f"{count:,} tickets crawled to completed", 8),
            await _figure(deployment, f"{count:,} tickets crawled again, unchanged", 4),
        )


async def _figure(deployment: Deployment, name: str, aim: float) -> Figure:
    before = deployment.cpu_seconds()
    seconds = await timed_run(deployment, TENANT)
    cpu = cpu_share(before, deployment.cpu_seconds(), seconds)
    return Figure(
        name, seconds, "s", aim, more_is_better=False,
        cpu=cpu, memory_megabytes=deployment.memory_megabytes(),
    )  # fmt: skip


async def timed_run(
    deployment: Deployment,
    tenant_id: str,
    look: Callable[[Document, float], None] = lambda _job, _seconds: None,
) -> float:
    """Seconds from the request to the end of a run; `look` sees its job and the seconds so far."""
    jobs = jobs_of(deployment.mongo, deployment.settings)
    loop = asyncio.get_running_loop()
    began = loop.time()
    job = await jobs.request(tenant_id)
    while (document := await jobs.find(job["_id"]))["phase"] not in ENDED:
        look(document, loop.time() - began)
        await asyncio.sleep(0.02)
    if document["phase"] != "completed":
        raise AssertionError(f"the run ended as {document['phase']}: {document['errors']}")
    return loop.time() - began
