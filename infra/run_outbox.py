"""The crawl's outbox: final bytes for `tickets.raw`, stored with the page that they come from."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

from pymongo import ASCENDING

from domain.envelopes import run_ended
from domain.records import RunEnded
from domain.topics import RAW
from infra import collections
from infra.kafka import Outgoing
from infra.mongo import Document, Mongo, Session
from infra.publisher import Publisher

MARKERS = 1 << 62  # sorts behind every page
_DOCUMENT_BYTES = 4 * 1024 * 1024


class RawRow(NamedTuple):
    """One record of a run: its partition, key and final bytes."""

    partition: int
    key: bytes | None
    value: bytes


def page(crawl_id: str, sequence: int, rows: Iterable[RawRow]) -> list[Document]:
    """The outbox documents of one page, of about 4 MiB each: MongoDB holds 16 in one."""
    parts: list[list[RawRow]] = []
    size = _DOCUMENT_BYTES
    for row in rows:
        if size >= _DOCUMENT_BYTES:
            parts.append([])
            size = 0
        parts[-1].append(row)
        size += len(row.value)
    return [
        _document(f"{crawl_id}:{sequence}:{part:03}", crawl_id, sequence, some)
        for part, some in enumerate(parts)
    ]


def markers(job: dict[str, Any], now: datetime, partitions: int) -> Document:
    """The outbox document of the markers of a settled run: one per partition."""
    rows = []
    for partition, records in enumerate(job["sent"]):
        marker = RunEnded(
            job_id=job["_id"],
            tenant_id=job["tenant_id"],
            outcome=job["outcome"],
            partition=partition,
            partitions=partitions,
            records=records,
        )
        value = run_ended(marker, source="deskstream", time=now)
        rows.append(RawRow(partition, None, value))
    return _document(f"{job['_id']}:ended", job["crawl_id"], MARKERS, rows)


class RunOutbox:
    """Publishes what is stored, in order, and deletes what was acknowledged."""

    def __init__(self, mongo: Mongo, publisher: Publisher) -> None:
        self._rows = mongo[collections.CRAWL_OUTBOX]
        self._publisher = publisher

    async def publish(self, document: Document) -> None:
        """Write one document's records to `tickets.raw`; return when Kafka has them."""
        records: dict[int, list[Outgoing]] = {}
        for partition, key, value in document["records"]:
            records.setdefault(partition, []).append(Outgoing(key, value))
        await self._publisher.publish(RAW, records)

    async def publish_leftovers(self, crawl_id: str) -> None:
        """Write and delete everything that is stored for a crawl, in order."""
        async for document in self._rows.find({"crawl_id": crawl_id}).sort(
            [("sequence", ASCENDING), ("_id", ASCENDING)]
        ):
            await self.publish(document)
            await self.delete([document["_id"]])

    async def delete(self, ids: Iterable[str], session: Session | None = None) -> None:
        """Forget documents that were acknowledged."""
        await self._rows.delete_many({"_id": {"$in": list(ids)}}, session=session)

    async def crawls(self) -> list[str]:
        """The crawls that have something stored."""
        return [str(crawl_id) for crawl_id in await self._rows.distinct("crawl_id")]


def _document(id_: str, crawl_id: str, sequence: int, rows: Iterable[RawRow]) -> Document:
    return {
        "_id": id_,
        "crawl_id": crawl_id,
        "sequence": sequence,
        "records": [list(row) for row in rows],
    }
