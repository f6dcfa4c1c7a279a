"""What is found in the read models: documents and histories, in batches, in one snapshot."""

from collections.abc import AsyncIterator, Iterable, Sequence
from itertools import groupby
from typing import Final

from pymongo import ASCENDING

from infra.mongo import Collection, Document, Session, lenient
from projections.accounts import Parking

_BATCH: Final = 100
_BOOKKEEPING: Final = ("digest",)
_IN_ORDER: Final = [("tenant_id", ASCENDING), ("ticket_id", ASCENDING), ("version", ASCENDING)]


class StoredDocuments:
    """One read model's collections: `documents`, and what goes with tickets.

    `entries` is their history, `parked` holds the events that could not be applied.
    """

    def __init__(
        self,
        documents: Collection,
        entries: "Collection | None" = None,
        parked: "Collection | None" = None,
    ) -> None:
        self._documents = lenient(documents)
        self._entries = None if entries is None else lenient(entries)
        self._parked = parked

    async def of(
        self, keys: Sequence[str], session: Session | None = None
    ) -> AsyncIterator[Document]:
        """The documents that exist for `keys`."""
        cursor = self._documents.find({"_id": {"$in": list(keys)}}, session=session)
        while some := await cursor.to_list(_BATCH):
            for document in some:
                yield _content(document)

    async def entries_of(
        self, keys: Iterable[str], session: Session | None = None
    ) -> AsyncIterator[tuple[str, Document]]:
        """The histories of `keys`, sorted tickets, each from its first version on."""
        if self._entries is None:
            return
        for tenant_id, some in groupby(keys, lambda key: key.partition(":")[0]):
            tickets = [key.partition(":")[2] for key in some]
            wanted = {"tenant_id": tenant_id, "ticket_id": {"$in": tickets}}
            cursor = self._entries.find(wanted, session=session).sort(_IN_ORDER)
            while rows := await cursor.to_list(_BATCH):
                for entry in rows:
                    yield f"{tenant_id}:{entry['ticket_id']}", _content(entry)

    async def entry(self, key: str, version: int) -> Document | None:
        """One entry of a history."""
        if self._entries is None:
            return None
        tenant_id, _, ticket_id = key.partition(":")
        wanted = {"tenant_id": tenant_id, "ticket_id": ticket_id, "version": version}
        found = await self._entries.find_one(wanted)
        return None if found is None else _content(found)

    async def parked(
        self, keys: Sequence[str], session: Session | None = None
    ) -> dict[str, Parking]:
        """Those of `keys` that are parked."""
        parked: dict[str, Parking] = {}
        if self._parked is None:
            return parked
        cursor = self._parked.find({"key": {"$in": list(keys)}}, {"key": 1}, session=session)
        async for row in cursor:
            version = int(row["_id"].rpartition(":")[2])
            first, events = parked.get(row["key"], Parking(version, 0))
            parked[row["key"]] = Parking(min(first, version), events + 1)
        return parked

    async def keys(self, tenant: str | None) -> AsyncIterator[list[str]]:
        """The `_id` of every document."""
        wanted = {} if tenant is None else {"tenant_id": tenant}
        cursor = self._documents.find(wanted, {"_id": 1}).sort("_id", ASCENDING)
        while some := await cursor.to_list(_BATCH * 100):
            yield [str(document["_id"]) for document in some]

    async def keys_of_entries(self, tenant: str | None) -> AsyncIterator[list[str]]:
        """The ticket of every history, once for each batch that it is in."""
        if self._entries is None:
            return
        wanted = {} if tenant is None else {"tenant_id": tenant}
        shown = {"_id": 0, "tenant_id": 1, "ticket_id": 1}
        cursor = self._entries.find(wanted, shown).sort(_IN_ORDER)
        while some := await cursor.to_list(_BATCH * 100):
            keys = (f"{row.get('tenant_id')}:{row.get('ticket_id')}" for row in some)
            yield list(dict.fromkeys(keys))


def _content(document: Document) -> Document:
    for name in _BOOKKEEPING:
        document.pop(name, None)
    return document
