"""Crawling: 10,000 tickets of one tenant from a helpdesk without limit, to `completed`."""

import asyncio
from pathlib import Path

from benchmarks.deployment import Deployment, deployed
from benchmarks.figures import Figure, cpu_share
from dev.engines import Engines
from dev.helpdesk.helpdesk import HelpdeskSettings
from dev.helpdesk.server import HelpdeskServer
from domain.runs import ENDED
from infra.jobs import Jobs

_TENANT = "lumenfold"


async def crawl(engines: Engines, logs: Path, count: int) -> list[Figure]:
    """The first run, and an unchanged second one."""
    settings = HelpdeskSettings(tickets=count, tenants=(_TENANT,), limit=0, long_messages=True)
    with HelpdeskServer(settings) as helpdesk:
        async with deployed(engines, logs, helpdesk_url=helpdesk.url) as deployment:
            with deployment.running("worker"), deployment.running("projector"):
                await _run(deployment, "nobody")
                first = await _figure(deployment, f"{count:,} tickets crawled to completed", 8)
                again = await _figure(deployment, f"{count:,} tickets crawled again, unchanged", 4)
                return [first, again]


async def _figure(deployment: Deployment, name: str, aim: float) -> Figure:
    before = deployment.cpu_seconds()
    seconds = await _run(deployment, _TENANT)
    return Figure(
        name,
        seconds,
        "s",
        aim,
        more_is_better=False,
        cpu=cpu_share(before, deployment.cpu_seconds(), seconds),
        memory_megabytes=deployment.memory_megabytes(),
    )


async def _run(deployment: Deployment, tenant_id: str) -> float:
    """Seconds from the request to the end of a run."""
    settings = deployment.settings
    jobs = Jobs(
        deployment.mongo,
        lease_seconds=settings.lease_seconds,
        partitions=settings.kafka_partitions,
    )
    loop = asyncio.get_running_loop()
    began = loop.time()
    job = await jobs.request(tenant_id)
    while True:
        document = await jobs.find(job["_id"])
        if document["phase"] in ENDED:
            break
        await asyncio.sleep(0.02)
    if document["phase"] != "completed":
        raise AssertionError(f"the run ended as {document['phase']}: {document['errors']}")
    return loop.time() - began
