"""Crawling: 10,000 tickets of one tenant from a helpdesk without limit, to `completed`."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from benchmarks.deployment import Deployment, deployed
from benchmarks.figures import Figure, cpu_share
from dev.engines import Engines
from dev.helpdesk.helpdesk import HelpdeskSettings
from dev.helpdesk.server import HelpdeskServer
from domain.runs import ENDED
from infra.jobs import jobs_of
from infra.mongo import Document

_TENANT = "lumenfold"


async def crawl(engines: Engines, logs: Path, count: int) -> list[Figure]:
    """The first run, and an unchanged second one."""
    settings = HelpdeskSettings(tickets=count, tenants=(_TENANT,), limit=0, long_messages=True)
    with HelpdeskServer(settings) as helpdesk:
        async with deployed(engines, logs, helpdesk_url=helpdesk.url) as deployment:
            with deployment.running("worker"), deployment.running("projector"):
                await timed_run(deployment, "nobody")
                first = await _figure(deployment, f"{count:,} tickets crawled to completed", 8)
                again = await _figure(deployment, f"{count:,} tickets crawled again, unchanged", 4)
                return [first, again]


async def _figure(deployment: Deployment, name: str, aim: float) -> Figure:
    before = deployment.cpu_seconds()
    seconds = await timed_run(deployment, _TENANT)
    return Figure(
        name,
        seconds,
        "s",
        aim,
        more_is_better=False,
        cpu=cpu_share(before, deployment.cpu_seconds(), seconds),
        memory_megabytes=deployment.memory_megabytes(),
    )


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
