"""The sync agent's outbox: change events as final bytes, stored with the state they follow from."""

from collections.abc import Iterable, Sequence
from typing import Final

from pymongo import ASCENDING

from domain.events import ChangeEvent, decode
from domain.records import Origin
from domain.topics import CHANGES
from infra import collections
from infra.kafka import Headers, Outgoing
from infra.mongo import Document, Mongo, Session
from infra.publisher import Publisher
from streams.fold import FoldedEvent

ORIGIN: Final = "origin"
_ROW_BYTES: Final = 4 * 1024 * 1024


class ChangeOutbox:
    """Rows of one document each, in the order of their `sequence` within a partition."""

    def __init__(self, mongo: Mongo, publisher: Publisher) -> None:
        self._rows = mongo[collections.CHANGE_OUTBOX]
        self._publisher = publisher

    async def load(self, partitions: Iterable[int], session: Session) -> list[Document]:
        """Every stored row of these partitions, in order."""
        wanted = {"partition": {"$in": list(partitions)}}
        order = [("partition", ASCENDING), ("sequence", ASCENDING)]
        return await self._rows.find(wanted, session=session).sort(order).to_list(None)

    async def store(
        self, rows: Sequence[Document], acknowledged: Iterable[str], session: Session
    ) -> None:
        """Add rows; forget those that this process saw acknowledged."""
        if rows:
            await self._rows.insert_many(rows, session=session)
        gone = list(acknowledged)
        if gone:
            await self._rows.delete_many({"_id": {"$in": gone}}, session=session)

    async def forget(self, acknowledged: Iterable[str]) -> None:
        """Delete rows that this process saw acknowledged."""
        gone = list(acknowledged)
        if gone:
            await self._rows.delete_many({"_id": {"$in": gone}})

    async def publish(self, rows: Iterable[Document]) -> dict[int, int]:
        """Write rows to `tickets.changes`; return the offset after the last of each partition."""
        records: dict[int, list[Outgoing]] = {}
        for row in rows:
            outgoing = [
                Outgoing(key, value, (("type", type_.encode()), (ORIGIN, origin.encode())), at)
                for key, value, type_, origin, at in row["records"]
            ]
            records.setdefault(row["partition"], []).extend(outgoing)
        return await self._publisher.publish(CHANGES, records)


async def stored_events(mongo: Mongo, partition: int, session: Session) -> list[ChangeEvent]:
    """The events of a partition that were committed last; the log may not have them yet."""
    rows = mongo[collections.CHANGE_OUTBOX].find({"partition": partition}, session=session)
    values = [v async for row in rows.sort("sequence", ASCENDING) for _, v, *_ in row["records"]]
    return [event for event in map(decode, values) if isinstance(event, ChangeEvent)]


def rows_of(
    partition: int, sequence: int, events: Iterable[FoldedEvent], timestamp: int
) -> list[Document]:
    """Rows of about 4 MiB for `events`, numbered after `sequence`; `timestamp` in milliseconds."""
    rows: list[Document] = []
    size = _ROW_BYTES
    for event in events:
        if size >= _ROW_BYTES:
            sequence += 1
            size = 0
            rows.append(
                {
                    "_id": f"{partition}:{sequence}",
                    "partition": partition,
                    "sequence": sequence,
                    "records": [],
                }
            )
        origin = "" if event.origin is None else written(event.origin)
        rows[-1]["records"].append([event.key, event.value, event.type, origin, timestamp])
        size += len(event.value)
    return rows


def written(origin: Origin) -> str:
    """An origin as the header of a change event holds it: `epoch/partition/offset`."""
    return f"{origin.epoch}/{origin.partition}/{origin.offset}"


def origin_of(headers: Headers) -> Origin | None:
    """The origin that a record of `tickets.changes` names, if it names one."""
    for name, value in headers:
        if name == ORIGIN and value:
            epoch, partition, offset = map(int, value.split(b"/"))
            return Origin(epoch, partition, offset)
    return None
