"""Questions about the audits of a tenant's runs."""

from typing import Final

from pymongo import DESCENDING

from api.cursors import Cursor, decode_cursor, encode_cursor, listing
from api.scope import TenantScope
from api.ticket_queries import DEFAULT_ROWS, Rows
from domain.instants import to_milliseconds
from infra.mongo import Document

_NEWEST_FIRST: Final = [("started_at", DESCENDING), ("_id", DESCENDING)]


async def newest_audits(scope: TenantScope, limit: int | None, cursor: str | None) -> Rows:
    """The audits of a tenant, newest first, from the cursor on."""
    name = listing("audits", tenant_id=scope.tenant_id)
    place: Document = {}
    if cursor:
        last = decode_cursor(cursor, name)
        earlier = [{"started_at": {"$lt": last.instant}}, {"_id": {"$lt": last.text}}]
        place = {"$and": [{"started_at": {"$lte": last.instant}}, {"$or": earlier}]}
    size = limit or DEFAULT_ROWS
    found = await (await scope.ingestion_logs()).find(place, _NEWEST_FIRST, limit=size + 1)
    if len(found) <= size:
        return Rows(found, size, None)
    shown = found[:size]
    row = shown[-1]
    following = Cursor(name, to_milliseconds(row["started_at"]), row["_id"])
    return Rows(shown, size, encode_cursor(following))
