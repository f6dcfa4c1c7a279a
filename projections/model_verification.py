"""The verification of one read model.

A partition at a time, and of a large one a part of its keys at a time, so that memory hardly grows
with the log.  The fold runs up to the live checkpoint; then, for some thousand keys after another,
a snapshot shows documents and checkpoint of one moment, and the fold follows up to it.
"""

from collections.abc import Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from domain.errors import LogMismatchError
from domain.retry import RetryPolicy
from infra.backoff import Backoff
from infra.log_identity import objections
from infra.mongo import snapshot
from projections.comparison import compare
from projections.differences import EXPLAINED, Verified
from projections.known_keys import KnownKeys
from projections.log_parts import Part, PartFold
from projections.second_look import SecondLook
from projections.surplus import SurplusSearch
from projections.verification_task import Task

_PART_EVENTS: Final = 200_000
_SNAPSHOT_KEYS: Final = 20_000
_BATCH_KEYS: Final = 500
_TOO_OLD: Final = RetryPolicy(first=0.02, longest=1.0, attempts=20)


@dataclass
class ModelVerification:
    """The verification of one read model."""

    task: Task
    known: KnownKeys = field(default_factory=KnownKeys)
    suspects: dict[int, list[str]] = field(default_factory=dict)
    tails: dict[int, int] = field(default_factory=dict)
    partitions: int = 0

    async def run(self) -> None:
        """Compare partition after partition, look for surplus documents, say what differs."""
        task = self.task
        topic = task.model.topic
        partitions = await task.sources.reader.partitions(topic)
        if not partitions:
            task.report.unchecked.append(f"there is no topic {topic}")
            return
        self.partitions = len(partitions)
        if task.only is not None:
            partitions = [partition for partition in partitions if partition in task.only]
        offsets = {p: await task.subject.offset(topic, p) for p in partitions}
        for partition in await self._complete(partitions):
            self.tails[partition] = offsets[partition]
            task.progress.to_read += offsets[partition] * _parts(offsets[partition])
        for partition in list(self.tails):
            if not await self._checked(self._partition(partition)):
                del self.tails[partition]
        await self._checked(self._surplus())
        for partition, keys in self.suspects.items():
            if not await self._checked(self._explain(partition, keys)):
                task.report.differing += len(keys)

    async def _complete(self, partitions: list[int]) -> list[int]:
        """The partitions whose log begins at its beginning, and is the one that was applied."""
        task = self.task
        topic = task.model.topic
        checkpoints = await task.subject.checkpoints[topic].load(partitions)
        reasons = dict(await objections(task.sources.reader, topic, checkpoints))
        for partition, (start, end) in (
            await task.sources.reader.bounds(topic, partitions)
        ).items():
            if start > 0:
                reasons[partition] = (
                    f"the head of the log was cut: it holds offsets {start} to {end}, not from 0 on"
                )
        for partition in partitions:
            if reason := reasons.get(partition):
                task.report.unchecked.append(f"{topic}[{partition}]: {reason}")
        return [p for p in partitions if not reasons.get(p)]

    async def _checked(self, work: Coroutine[Any, Any, None]) -> bool:
        """Do something; False if the log lost records meanwhile, which is no difference."""
        try:
            await work
        except LogMismatchError as error:
            self.task.report.unchecked.append(str(error))
            return False
        return True

    async def _partition(self, partition: int) -> None:
        task = self.task
        offset = self.tails[partition]
        count = _parts(offset)
        reached = []
        for number in range(count):
            part = Part(task.model, partition, number, count, task.tenant)
            reached.append(await self._part(part, offset))
        self.tails[partition] = min(reached)
        task.report.verified.append(Verified(task.model.topic, partition, min(reached)))

    async def _part(self, part: Part, offset: int) -> int:
        """Verify a part; return the offset up to which it was."""
        task = self.task
        folded = PartFold(part, self.partitions, task.report.add)
        await folded.follow(task.sources.scan, offset, task.has_read)
        keys = sorted(folded.fold.keys())
        for first in range(0, len(keys), _SNAPSHOT_KEYS):
            await self._compare(folded, keys[first : first + _SNAPSHOT_KEYS])
        task.report.events += folded.events
        self.known.add(folded.fold.keys())
        for key in sorted(folded.fold.suspects):
            self._suspect(part.partition, key)
        return folded.position

    async def _compare(self, folded: PartFold, keys: list[str]) -> None:
        """Compare some keys with one snapshot, and the fold brought up to its checkpoint.

        A snapshot shows what a majority has, which may be older than a checkpoint that was read
        before: such a one is too old for the fold.
        """
        task, part = self.task, folded.part
        stored = task.subject.stored(task.sources.mongo, task.model)
        backoff = Backoff(_TOO_OLD)
        while True:
            async with snapshot(task.sources.mongo) as session:
                offset = await task.subject.offset(task.model.topic, part.partition, session)
                if offset >= folded.position:
                    await folded.follow(task.sources.scan, offset, lambda _: None)
                    for some in _batches(keys):
                        task.has_compared(await compare(stored, folded.fold, some, session))
                    return
            if _TOO_OLD.gives_up_after(backoff.failures + 1):
                reason = f"the checkpoint went back from {folded.position} to {offset}"
                raise LogMismatchError(task.model.topic, part.partition, reason)
            await backoff.sleep()

    def _suspect(self, partition: int, key: str) -> None:
        """Keep a key for the second look; of the first hundred it is said what differs."""
        if sum(map(len, self.suspects.values())) < EXPLAINED:
            self.suspects.setdefault(partition, []).append(key)
        else:
            self.task.report.differing += 1

    async def _explain(self, partition: int, keys: list[str]) -> None:
        task = self.task
        look = SecondLook(task.sources.mongo, task.sources.scan, task.subject, task.model)
        for differences in await look.explain(partition, keys):
            task.report.add(*differences)

    async def _surplus(self) -> None:
        task = self.task
        self.known.sort()
        search = SurplusSearch(
            task.sources.mongo, task.sources.scan, task.subject, task.model, self.known
        )
        async for difference in search.search(task.tenant, dict(self.tails), self.partitions):
            task.report.add(difference)


def _batches(keys: list[str]) -> Iterator[list[str]]:
    for first in range(0, len(keys), _BATCH_KEYS):
        yield keys[first : first + _BATCH_KEYS]


def _parts(records: int) -> int:
    """In how many parts a partition is folded."""
    return 1 + records // _PART_EVENTS
