"""The bulk of a rebuild: processes that fold the log, partition by partition, into the shadow."""

import asyncio
import multiprocessing
import os
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager
from typing import Final, NamedTuple

import structlog
from aiokafka.errors import KafkaError
from pymongo.errors import PyMongoError

from domain.errors import DependencyDownError
from domain.rebuild_errors import RebuildGoneError
from infra.backoff import Backoff
from infra.interpreter import settle_for_batches
from infra.log_scan import LogScan
from infra.mongo import Mongo, Session
from infra.rebuilds import Rebuild, Rebuilds
from infra.settings import Settings
from infra.telemetry import configure_logging
from projections.shadow import Shadow

log = structlog.get_logger()

BATCH: Final = 2_000
_PAUSE_SECONDS: Final = 0.1
_STREAMS: Final = 2  # while one waits for MongoDB, the other folds


class Share(NamedTuple):
    """A process's part of a rebuild: the partitions, each with the offset to stop at."""

    settings: Settings
    rebuild: Rebuild
    stops: Mapping[int, int]
    parent: int
    batch: int = BATCH


def shares(
    settings: Settings, rebuild: Rebuild, stops: Mapping[int, int], count: int, batch: int
) -> list[Share]:
    """The parts of `count` processes, or of as many as there are partitions."""
    count = min(count, len(stops))
    parts: list[dict[int, int]] = [{} for _ in range(count)]
    for number, (partition, stop) in enumerate(sorted(stops.items())):
        parts[number % count][partition] = stop
    return [Share(settings, rebuild, part, os.getpid(), batch) for part in parts]


@asynccontextmanager
async def folding(parts: Sequence[Share]) -> AsyncIterator[list["asyncio.Future[None]"]]:
    """Fold each part in a process of its own, a single one in this; all have ended in the end."""
    if len(parts) == 1:
        task = asyncio.ensure_future(fold(parts[0]))
        try:
            yield [task]
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        return
    loop = asyncio.get_running_loop()
    executor = ProcessPoolExecutor(len(parts), multiprocessing.get_context("spawn"))
    try:
        yield [loop.run_in_executor(executor, fold_share, part) for part in parts]
    finally:
        await asyncio.to_thread(executor.shutdown, cancel_futures=True)


def fold_share(share: Share) -> None:
    """Fold a share in a process of its own, which ends with the one that began it.

    Raises:
        RebuildGoneError: the rebuild was cancelled or taken over.
        VersionGapError: the log lacks an event.
        LogMismatchError: the log lacks a range.
    """
    # Ctrl-C reaches the whole group of processes: who began this one decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    settle_for_batches()
    configure_logging(share.settings)
    asyncio.run(fold(share))


async def fold(share: Share) -> None:
    """The same in this process."""
    mongo = Mongo(share.settings)
    try:
        waiting = sorted(share.stops, reverse=True)
        streams = [
            asyncio.create_task(_stream(share, mongo, waiting))
            for _ in range(min(_STREAMS, len(waiting)))
        ]
        try:
            await asyncio.gather(*streams)
        finally:
            for stream in streams:
                stream.cancel()
            await asyncio.gather(*streams, return_exceptions=True)
    finally:
        mongo.close()


async def _stream(share: Share, mongo: Mongo, waiting: list[int]) -> None:
    async with await mongo.start_session() as session:
        while waiting:
            await _Partition(share, mongo, waiting.pop(), session).fold()


class _Partition:
    """One partition, from its checkpoint to where it is to stop."""

    def __init__(self, share: Share, mongo: Mongo, partition: int, session: Session) -> None:
        self._share = share
        self._mongo = mongo
        self._partition = partition
        self._session = session
        self._rebuilds = Rebuilds(mongo)

    async def fold(self) -> None:
        """Return when the partition is folded, however long an engine is away meanwhile."""
        backoff = Backoff()
        while True:
            scan = LogScan(self._share.settings)
            try:
                await self._read(scan)
            except (PyMongoError, KafkaError, DependencyDownError) as error:
                log.warning("rebuild_delayed", partition=self._partition, reason=repr(error))
                await backoff.sleep()
            else:
                return
            finally:
                await scan.stop()

    async def _read(self, scan: LogScan) -> None:
        partition, stop = self._partition, self._share.stops[self._partition]
        rebuild = self._share.rebuild
        topic = rebuild.projection.topic
        shadow = Shadow(self._mongo, rebuild.projection, rebuild.generation, rebuild.tenant_id)
        checkpoints = await shadow.checkpoints.load([partition])
        if partition not in checkpoints:
            raise RebuildGoneError(self._share.rebuild.projection.consumer)
        start = checkpoints[partition].next_offset
        async for records in scan.batches(topic, partition, start, stop):
            for first in range(0, len(records), self._share.batch):
                await self._may_go_on()
                slices = {partition: records[first : first + self._share.batch]}
                checkpoints |= await shadow.advance(slices, checkpoints, self._session)

    async def _may_go_on(self) -> None:
        """Wait while told to; end with a parent that died."""
        while await self._rebuilds.is_paused(self._share.rebuild):  # noqa: ASYNC110 (another process)
            await asyncio.sleep(_PAUSE_SECONDS)
        if self._share.parent not in (os.getpid(), os.getppid()):
            raise RebuildGoneError(self._share.rebuild.projection.consumer)
