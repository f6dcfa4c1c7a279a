"""A crawl of a million tickets: how fast it is, and whether anyone's memory grows with it."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from benchmarks.deployment import Deployment, deployed
from benchmarks.endless_desk import READY, TENANT
from benchmarks.figures import Figure, cpu_share
from dev.engines import Engines
from domain.runs import ENDED
from infra.jobs import Jobs

_ROOT: Final = Path(__file__).resolve().parent.parent
_SAMPLE_SECONDS: Final = 5.0
_MOST_MEGABYTES: Final = 300
_AIM: Final = 10_000 / 8  # tickets/s: what section 14 asks of a shorter crawl


async def long_crawl(engines: Engines, logs: Path, count: int) -> list[Figure]:
    """The rate to `completed`, and the most memory that worker and projector held meanwhile."""
    with _desk(count) as url:
        async with deployed(engines, logs, helpdesk_url=url) as deployment:
            with deployment.running("worker"), deployment.running("projector"):
                before = deployment.cpu_seconds()
                seconds, samples = await _run(deployment)
                busy = cpu_share(before, deployment.cpu_seconds(), seconds)
    rate = Figure(
        f"crawl of {count:,} tickets to completed", count / seconds, "tickets/s", _AIM,
        more_is_better=True, cpu=busy, samples=samples,
    )  # fmt: skip
    return [rate, *(_most(name, samples) for name in ("worker", "projector"))]


def _most(name: str, samples: list[dict[str, float]]) -> Figure:
    most = max(sample[name] for sample in samples)
    title = f"memory of the {name} meanwhile, at most"
    return Figure(title, most, "MB", _MOST_MEGABYTES, more_is_better=False)


async def _run(deployment: Deployment) -> tuple[float, list[dict[str, float]]]:
    """Seconds to the end, and per sample: rows fetched, seconds, resident memory in MB."""
    settings = deployment.settings
    jobs = Jobs(
        deployment.mongo,
        lease_seconds=settings.lease_seconds,
        partitions=settings.kafka_partitions,
    )
    loop = asyncio.get_running_loop()
    began = loop.time()
    job = await jobs.request(TENANT)
    samples: list[dict[str, float]] = []
    while (document := await jobs.find(job["_id"]))["phase"] not in ENDED:
        passed = loop.time() - began
        if passed >= len(samples) * _SAMPLE_SECONDS:
            memory = {name: round(mb) for name, mb in deployment.memory_megabytes().items()}
            samples.append({"seconds": round(passed), "fetched": document["fetched"], **memory})
        await asyncio.sleep(0.1)
    if document["phase"] != "completed":
        raise AssertionError(f"the run ended as {document['phase']}: {document['errors']}")
    return loop.time() - began, samples


@contextmanager
def _desk(tickets: int) -> Iterator[str]:
    command = [sys.executable, "-m", "benchmarks.endless_desk", f"--tickets={tickets}"]
    process = subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, text=True)  # noqa: S603
    try:
        assert process.stdout is not None  # noqa: S101 (it is a pipe)
        yield process.stdout.readline().strip().removeprefix(READY)
    finally:
        process.terminate()
        process.communicate(timeout=10)
