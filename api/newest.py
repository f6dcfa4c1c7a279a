"""Lists that are newest first: by an instant and, where that is equal, by `_id`."""

from pymongo import DESCENDING

from api.cursors import Cursor, decode_cursor, encode_cursor
from api.scope import TenantCollection
from api.ticket_queries import DEFAULT_ROWS, Rows
from domain.instants import to_milliseconds
from infra.mongo import Document


class Newest:
    """The documents of a collection by `field`; `listing` says what its cursors belong to."""

    def __init__(self, collection: TenantCollection, field: str, listing: str) -> None:
        self._collection = collection
        self._field = field
        self._listing = listing

    async def rows(self, wanted: Document, limit: int | None, cursor: str | None) -> Rows:
        """Those that match, from the cursor on."""
        field, place = self._field, {}
        if cursor:
            last = decode_cursor(cursor, self._listing)
            earlier = [{field: {"$lt": last.instant}}, {"_id": {"$lt": last.text}}]
            place = {"$and": [{field: {"$lte": last.instant}}, {"$or": earlier}]}
        size = limit or DEFAULT_ROWS
        order = [(field, DESCENDING), ("_id", DESCENDING)]
        found = await self._collection.find({**wanted, **place}, order, limit=size + 1)
        if len(found) <= size:
            return Rows(found, size, None)
        shown = found[:size]
        following = Cursor(self._listing, to_milliseconds(shown[-1][field]), shown[-1]["_id"])
        return Rows(shown, size, encode_cursor(following))
