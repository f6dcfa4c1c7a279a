"""Checkpoints: the next offset of a partition, beside the documents, as the fence (design 3)."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pymongo import UpdateOne

from domain.errors import FenceError
from infra import collections
from infra.kafka import Record
from infra.mongo import Mongo, Session


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where a consumer stands on one partition.

    `last` is a hash of the record before `next_offset`; `extra` is what the consumer keeps besides.
    """

    id: str
    partition: int
    next_offset: int
    last: bytes | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Advance:
    """One partition's move from `checkpoint` to `next_offset`, with the consumer's new extras."""

    checkpoint: Checkpoint
    next_offset: int
    last: bytes | None
    extra: Mapping[str, Any] = field(default_factory=dict)

    def result(self) -> Checkpoint:
        """The checkpoint after the move."""
        old = self.checkpoint
        return Checkpoint(old.id, old.partition, self.next_offset, self.last, self.extra)


class Checkpoints:
    """The checkpoints of one consumer of one topic.

    `fenced_extra` names the extra that the fence compares besides `next_offset`.
    """

    def __init__(
        self,
        mongo: Mongo,
        consumer: str,
        topic: str,
        *,
        generation: int = 1,
        fenced_extra: str | None = None,
    ) -> None:
        self._documents = mongo[collections.CHECKPOINTS]
        self.generation = generation
        self.consumer = consumer
        self._topic = topic
        self._fenced_extra = fenced_extra

    @property
    def identity(self) -> dict[str, Any]:
        """The members that all of these checkpoints share."""
        return {
            "consumer": self.consumer,
            "generation": self.generation,
            "topic": self._topic,
        }

    def id_of(self, partition: int) -> str:
        """The `_id` of a partition's checkpoint."""
        return f"{self.consumer}:{self.generation}:{self._topic}:{partition}"

    async def create(self, starts: Mapping[int, int]) -> None:
        """Make the checkpoints that are missing, at the given offsets."""
        for partition, start in starts.items():
            await self._documents.update_one(
                {"_id": self.id_of(partition)},
                {
                    "$setOnInsert": {
                        **self.identity,
                        "partition": partition,
                        "next_offset": start,
                        "last": None,
                        "extra": {},
                        "retired": None,
                        "halted": None,
                    }
                },
                upsert=True,
            )

    async def load(
        self, partitions: Iterable[int], session: Session | None = None
    ) -> dict[int, Checkpoint]:
        """The checkpoints that exist among `partitions`."""
        ids = [self.id_of(partition) for partition in partitions]
        found = await self._documents.find({"_id": {"$in": ids}}, session=session).to_list(None)
        return {
            d["partition"]: Checkpoint(
                d["_id"], d["partition"], d["next_offset"], d["last"], d["extra"]
            )
            for d in found
        }

    async def advance(self, moves: Iterable[Advance], session: Session | None = None) -> None:
        """Move checkpoints on, each only from where it is known to stand.

        Raises:
            FenceError: somebody else moved one; in a transaction, abort it.
        """
        updates = [UpdateOne(self._fence(m.checkpoint), {"$set": _fields(m)}) for m in moves]
        result = await self._documents.bulk_write(updates, ordered=False, session=session)
        if result.matched_count != len(updates):
            raise FenceError(f"{self.consumer}:{self.generation}:{self._topic}")

    async def revive(self) -> None:
        """Let these checkpoints be moved again, though others took their place."""
        await self._documents.update_many(self.identity, {"$set": {"retired": None}})

    async def halt(self, partition: int, reason: str | None) -> None:
        """Show to operators why a partition stands still; None when it goes on."""
        await self._documents.update_one(
            {"_id": self.id_of(partition)}, {"$set": {"halted": reason}}
        )

    def _fence(self, checkpoint: Checkpoint) -> dict[str, Any]:
        fence: dict[str, Any] = {
            "_id": checkpoint.id,
            "next_offset": checkpoint.next_offset,
            "retired": None,
        }
        if self._fenced_extra:
            name = self._fenced_extra
            fence[f"extra.{name}"] = checkpoint.extra.get(name)
        return fence


def moves_behind(
    slices: Mapping[int, Sequence[Record]], checkpoints: Mapping[int, Checkpoint]
) -> list[Advance]:
    """The moves that put each partition's checkpoint behind the last of its records."""
    return [
        Advance(checkpoints[p], records[-1].offset + 1, record_hash(records[-1].value))
        for p, records in slices.items()
    ]


def after(moves: Iterable[Advance]) -> dict[int, Checkpoint]:
    """The checkpoints once these moves are committed, by partition."""
    return {move.checkpoint.partition: move.result() for move in moves}


def record_hash(value: bytes | None) -> bytes:
    """What a checkpoint keeps of the last record, to recognise the log it belongs to."""
    return hashlib.blake2b(value or b"", digest_size=16).digest()


def _fields(move: Advance) -> dict[str, Any]:
    return {"next_offset": move.next_offset, "last": move.last, "extra": dict(move.extra)}
