"""A crawl of a million tickets: how fast it is, and whether anyone's memory grows with it."""

import subprocess
import sys
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from benchmarks.bench import Bench
from benchmarks.crawling import timed_run
from benchmarks.deployment import Deployment, deployed
from benchmarks.endless_desk import READY, TENANT
from benchmarks.figures import Figure, cpu_share
from infra.mongo import Document

_ROOT: Final = Path(__file__).resolve().parent.parent
_COUNT: Final = 1_000_000
_SAMPLE_SECONDS: Final = 5.0
_MOST_MEGABYTES: Final = 300
_AIM: Final = 10_000 / 8  # tickets/s: what section 14 asks of a shorter crawl


async def long_crawl(bench: Bench) -> AsyncGenerator[Figure]:
    """The rate to `completed`, and the most memory that worker and projector held meanwhile."""
    count = bench.size("long-crawl", _COUNT, least=1_000)
    with _desk(count) as url:
        async with deployed(bench.engines, bench.logs, helpdesk_url=url) as deployment:
            with deployment.running_each("worker", "projector"):
                before = deployment.cpu_seconds()
                seconds, samples = await _run(deployment)
                busy = cpu_share(before, deployment.cpu_seconds(), seconds)
    yield Figure(
        f"crawl of {count:,} tickets to completed", count / seconds, "tickets/s", _AIM,
        more_is_better=True, cpu=busy, samples=samples,
    )  # fmt: skip
    for name in ("worker", "projector"):
        yield _most(name, samples)


def _most(name: str, samples: list[dict[str, float]]) -> Figure:
    most = max(sample[name] for sample in samples)
    title = f"memory of the {name} during the long crawl, at most"
    return Figure(title, most, "MB", _MOST_MEGABYTES, more_is_better=False)


async def _run(deployment: Deployment) -> tuple[float, list[dict[str, float]]]:
    """Seconds to the end, and per sample: rows fetched, seconds, resident memory in MB."""
    samples: list[dict[str, float]] = []

    def sample(job: Document, seconds: float) -> None:
        if seconds >= len(samples) * _SAMPLE_SECONDS:
            memory = {name: round(mb) for name, mb in deployment.memory_megabytes().items()}
            samples.append({"seconds": round(seconds), "fetched": job["fetched"], **memory})

    return await timed_run(deployment, TENANT, sample), samples


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
