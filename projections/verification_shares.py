"""A verification in several processes: each folds some partitions, their reports become one."""

import asyncio
import multiprocessing
import os
import signal
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.sharedctypes import SynchronizedArray
from typing import Any, Final, NamedTuple

from aiokafka.errors import KafkaError
from pymongo.errors import PyMongoError

from domain.errors import DependencyDownError
from domain.rebuild_errors import VerificationBrokenError
from domain.topics import CHANGES
from infra.checkpoints import Checkpoints
from infra.interpreter import settle_for_batches
from infra.log_reader import LogReader
from infra.log_scan import LogScan
from infra.mongo import Mongo
from infra.settings import Settings
from infra.telemetry import configure_logging
from projections.differences import Report
from projections.subjects import Subject
from projections.verification import verify, verify_sums
from projections.verification_task import Progress, Sources, Watch

# Below so many records a process would take longer to start than to fold them.
WORTHWHILE: Final = 100_000
_LOOK_SECONDS: Final = 0.25

_counts: "SynchronizedArray[int] | None" = None


class Share(NamedTuple):
    """A process's part; `checkpoints` has consumer and generation by topic."""

    settings: Settings
    names: Mapping[str, str]
    checkpoints: Mapping[str, tuple[str, int]]
    tenant: str | None
    number: int
    only: frozenset[int]
    parent: int


async def shares(
    settings: Settings, sources: Sources, subject: Subject, *, tenant: str | None, count: int
) -> list[Share]:
    """The parts of `count` processes, or of as many as there are partitions."""
    checkpoints = {
        topic: (str(c.identity["consumer"]), c.generation)
        for topic, c in subject.checkpoints.items()
    }
    partitions = [len(await sources.reader.partitions(topic)) for topic in checkpoints]
    every = range(max(partitions, default=1))
    count = min(count, len(every)) or 1
    return [
        Share(
            settings, dict(subject.names), checkpoints, tenant, number,
            frozenset(every[number::count]), os.getpid(),
        )
        for number in range(count)
    ]  # fmt: skip


async def verify_shared(
    settings: Settings, sources: Sources, subject: Subject, *, tenant: str | None, watch: Watch
) -> Report:
    """`verify`, by a process per core where the log is large.

    Raises:
        VerificationBrokenError: a process could not go on.
        PyMongoError, KafkaError, DependencyDownError: an engine cannot be used.
    """
    processes = os.cpu_count() or 1
    if processes == 1 or await _records(sources, subject) < WORTHWHILE:
        return await verify(sources, subject, tenant=tenant, watch=watch)
    parts = await shares(settings, sources, subject, tenant=tenant, count=processes)
    report = await verify_in_processes(parts, watch)
    await verify_sums(sources, subject, report, tenant=tenant, watch=watch)
    return report


async def verify_in_processes(parts: Sequence[Share], watch: Watch) -> Report:
    """Verify each part in a process of its own; all have ended in the end."""
    context = multiprocessing.get_context("spawn")
    counts = context.Array("Q", 3 * len(parts) + 1)
    executor = ProcessPoolExecutor(len(parts), context, _adopt, (counts,))
    loop = asyncio.get_running_loop()
    try:
        running = [loop.run_in_executor(executor, verify_share, part) for part in parts]
        while not all(task.done() for task in running):
            await asyncio.wait(running, timeout=_LOOK_SECONDS)
            read, to_read, compared = (sum(counts[kind:-1:3]) for kind in range(3))
            watch(Progress(read, to_read, compared))
        outcomes = [task.result() for task in running]
    except BrokenProcessPool as error:
        raise VerificationBrokenError("a process of it was killed") from error
    finally:
        counts[-1] = 1  # whoever is still at it stops
        await asyncio.to_thread(executor.shutdown, cancel_futures=True)
    report = Report()
    for outcome in outcomes:
        if isinstance(outcome, str):
            raise VerificationBrokenError(outcome)
        report.join(outcome)
    return report


def verify_share(share: Share) -> Report | str:
    """Verify a share in a process of its own; what kept it from that is a sentence."""
    # Ctrl-C reaches the whole group of processes: who began this one decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    settle_for_batches()
    configure_logging(share.settings)
    try:
        return asyncio.run(_verify(share))
    except (PyMongoError, KafkaError, DependencyDownError) as error:
        return repr(error)


async def _verify(share: Share) -> Report:
    mongo, settings = Mongo(share.settings), share.settings
    reader, scan = LogReader(settings), LogScan(settings)
    checkpoints = {
        topic: Checkpoints(mongo, consumer, topic, generation=generation)
        for topic, (consumer, generation) in share.checkpoints.items()
    }
    try:
        return await verify(
            Sources(mongo, reader, scan),
            Subject(share.names, checkpoints),
            tenant=share.tenant,
            watch=lambda progress: _tell(share, progress),
            only=share.only,
        )
    finally:
        await scan.stop()
        await reader.stop()
        mongo.close()


def _adopt(counts: Any) -> None:  # noqa: ANN401 (typed above)
    global _counts
    _counts = counts


def _tell(share: Share, progress: Progress) -> None:
    """Say how far this process is; end with the one that began it, or when nobody waits."""
    assert _counts is not None  # noqa: S101 (every process of the pool adopts them)
    if _counts[-1] or os.getppid() != share.parent:
        os._exit(1)
    at = 3 * share.number
    _counts[at : at + 3] = [progress.read, progress.to_read, progress.compared]


async def _records(sources: Sources, subject: Subject) -> int:
    """How many records of the log of changes were applied."""
    if CHANGES not in subject.checkpoints:
        return 0
    partitions = await sources.reader.partitions(CHANGES)
    known = await subject.checkpoints[CHANGES].load(partitions)
    return sum(checkpoint.next_offset for checkpoint in known.values())
