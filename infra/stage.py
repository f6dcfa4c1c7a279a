"""A stage of the pipeline: feeds a step each partition's records from its checkpoint on."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from typing import TypeAlias

import structlog
from aiokafka.errors import KafkaError
from pymongo.errors import PyMongoError

from domain.errors import FenceError, LogMismatchError, NewerEventError
from infra.backoff import Backoff
from infra.checkpoints import Checkpoint, Checkpoints
from infra.kafka import Record, contiguous
from infra.log_identity import objections
from infra.log_reader import LogReader
from infra.silence import Silence
from infra.step import Step
from infra.withdrawal import Withdrawal

log = structlog.get_logger()

Pending: TypeAlias = Mapping[int, Sequence[Record]]

_CHUNK = 500


class Stage:
    """One consumer of one topic.

    Whatever a consumer delivers, skips or repeats, the step sees each record once, in order;
    infrastructure that is down is waited for, a log that lost records halts its partition.
    """

    def __init__(self, topic: str, step: Step, checkpoints: Checkpoints, reader: LogReader) -> None:
        self._topic = topic
        self._step = step
        self._checkpoints = checkpoints
        self._reader = reader
        self._known: dict[int, Checkpoint] = {}
        self._silence = Silence(topic, reader)
        self._withdrawal = Withdrawal()
        self._halted: dict[int, str] = {}
        self._unreadable: dict[int, str] = {}
        self._turn = asyncio.Lock()

    async def absorb(self, records: Sequence[Record]) -> None:
        """Return when all of `records` are behind the checkpoint, or left to somebody else."""
        by_partition = sorted(records, key=attrgetter("partition", "offset"))
        pending = {p: list(some) for p, some in groupby(by_partition, attrgetter("partition"))}
        async with self._turn:
            concerns = self._withdrawal.concerns
            await self._patiently({p: some for p, some in pending.items() if not concerns(p)})

    async def positions(self, partitions: Iterable[int]) -> dict[int, int]:
        """The next offset of each partition that this stage may work on, freshly loaded."""
        wanted = list(partitions)
        async with self._turn:
            self._forget(wanted)
            self._withdrawal.end(wanted)
            await self._patiently(dict.fromkeys(wanted, ()), only_open=True)
            return {p: self._known[p].next_offset for p in wanted if p in self._known}

    async def tend(self, assigned: set[int]) -> None:
        """Take up new partitions, drop lost ones, and fetch what was never delivered."""
        async with self._turn:
            for lost in set(self._known) - assigned:
                del self._known[lost]
            concerns = self._withdrawal.concerns
            new = [p for p in assigned if p not in self._known and not concerns(p)]
            await self._patiently(dict.fromkeys(new, ()), only_open=True)
            # What came meanwhile is not delivered again.
            await self._patiently(dict.fromkeys(self._withdrawal.ended(new), ()))
            try:
                undelivered = await self._silence.undelivered(self._known)
            except KafkaError as error:
                log.warning("silence_unexplained", topic=self._topic, reason=repr(error))
            else:
                await self._patiently(dict.fromkeys(undelivered, ()))

    async def _patiently(self, pending: Pending, *, only_open: bool = False) -> None:
        backoff = Backoff()
        while pending:
            try:
                await self._open(pending)
                if only_open:
                    return
                await self._advance({p: r for p, r in pending.items() if p not in self._halted})
                return
            except NewerEventError as error:
                await self._halt_unreadable(pending, str(error))
                return
            except FenceError as error:
                log.info("fence_met", topic=self._topic, checkpoint=error.checkpoint)
            except (LogMismatchError, PyMongoError, KafkaError) as error:
                log.warning("stage_delayed", topic=self._topic, reason=repr(error))
            pending = await self._left_to_us(pending)
            await backoff.sleep()

    async def _left_to_us(self, pending: Pending) -> Pending:
        """What to try again; partitions that somebody else has taken meanwhile are his."""
        known = {p: self._known[p] for p in pending if p in self._known}
        self._forget(pending)
        try:
            taken = await self._step.taken(known)
        except PyMongoError as error:
            log.warning("owners_unknown", topic=self._topic, reason=repr(error))
            return pending
        if taken:
            log.info("partitions_left", topic=self._topic, partitions=sorted(taken))
            self._withdrawal.begin(taken)
        return {p: records for p, records in pending.items() if p not in taken}

    async def _halt_unreadable(self, pending: Pending, reason: str) -> None:
        """Stand still where an event of a later release is, until a process of that one comes."""
        self._forget(pending)
        for partition, records in pending.items():
            if len(pending) > 1:
                await self._patiently({partition: records})
            else:
                self._unreadable[partition] = reason
                await self._judge(partition, reason)

    def _forget(self, partitions: Iterable[int]) -> None:
        for partition in partitions:
            self._known.pop(partition, None)

    async def _open(self, partitions: Iterable[int]) -> None:
        new = [p for p in partitions if p not in self._known]
        if not new:
            return
        bounds = await self._reader.bounds(self._topic, new)
        await self._checkpoints.create({p: start for p, (start, _) in bounds.items()})
        opened = await self._step.open(new)
        for partition, reason in (await objections(self._reader, self._topic, opened)).items():
            await self._judge(partition, reason or self._unreadable.get(partition))
        self._known |= {p: c for p, c in opened.items() if p not in self._halted}
        self._silence.begin(new)

    async def _judge(self, partition: int, reason: str | None) -> None:
        """Halt a partition whose log lost records, or let it go on."""
        if reason is None:
            # Another process may have halted it.
            self._halted.pop(partition, None)
            await self._checkpoints.halt(partition, None)
            return
        if self._halted.get(partition) != reason:
            log.error("partition_halted", topic=self._topic, partition=partition, reason=reason)
        self._halted[partition] = reason
        await self._checkpoints.halt(partition, reason)

    async def _advance(self, pending: Pending) -> None:
        """Feed the step, gaps first, until every pending record is behind its checkpoint."""
        while pending:
            slices = {}
            for partition, records in pending.items():
                position = self._known[partition].next_offset
                left = self._ahead(partition, records)
                if records and not left:
                    continue  # all of it is known; what follows will be delivered
                slices[partition] = await self._continuation(partition, position, left)
            slices = {p: some for p, some in slices.items() if some}
            if slices:
                self._known |= await self._step.advance(slices, self._known)
            self._silence.heard(pending)
            # A partition without records of its own is being caught up: ask it once more.
            ahead = {p: self._ahead(p, records) for p, records in pending.items() if p in slices}
            pending = {p: left for p, left in ahead.items() if left or not pending[p]}

    def _ahead(self, partition: int, records: Sequence[Record]) -> list[Record]:
        position = self._known[partition].next_offset
        return [record for record in records if record.offset >= position]

    async def _continuation(
        self, partition: int, position: int, records: Sequence[Record]
    ) -> Sequence[Record]:
        """What follows `position`: `records`, unless the log holds something in between."""
        if records and records[0].offset == position:
            return contiguous(records)
        stop = records[0].offset if records else None
        if stop is None:
            bounds = await self._reader.bounds(self._topic, [partition])
            stop = bounds[partition][1]
        if stop <= position:
            return []
        missed, onward = await self._reader.read(
            self._topic, partition, position, stop, limit=_CHUNK
        )
        if missed:
            span = {"first": missed[0].offset, "last": missed[-1].offset}
            log.info("records_fetched", topic=self._topic, partition=partition, **span)
            return missed
        # Only control and aborted records lie in between.
        return contiguous(records) if onward >= stop else []
