"""Questions about one tenant's tickets: lists by cursor or page, one ticket, its history."""

from datetime import datetime
from typing import Any, Final, NamedTuple

from pymongo import ASCENDING, DESCENDING

from api.cursors import Cursor, decode_cursor, encode_cursor, listing
from api.parameters import ListQuery, SortName, TicketsQuery
from api.scope import TenantScope
from domain.errors import TicketNotFoundError
from domain.instants import to_milliseconds
from infra.mongo import Document

DEFAULT_ROWS: Final = 50
_LISTS: Final = ("status", "urgency", "sentiment", "source", "customer_id")


class Order(NamedTuple):
    """An order by `field` and, where that is equal, by external id, as an index walks it."""

    field: str
    direction: int
    ties: int

    @property
    def keys(self) -> list[tuple[str, int]]:
        """What MongoDB sorts by."""
        return [(self.field, self.direction), ("external_id", self.ties)]

    def after(self, moment: datetime, external_id: str) -> Document:
        """What comes after a row; the first condition bounds the index, the rest settles ties."""
        beyond, up_to = ("$gt", "$gte") if self.direction == ASCENDING else ("$lt", "$lte")
        tie = "$gt" if self.ties == ASCENDING else "$lt"
        return {
            "$and": [
                {self.field: {up_to: moment}},
                {"$or": [{self.field: {beyond: moment}}, {"external_id": {tie: external_id}}]},
            ]
        }


_ORDERS: Final[dict[SortName, Order]] = {
    "-created_at": Order("created_at", DESCENDING, ASCENDING),
    "created_at": Order("created_at", ASCENDING, DESCENDING),
    "-updated_at": Order("updated_at", DESCENDING, ASCENDING),
    "updated_at": Order("updated_at", ASCENDING, DESCENDING),
    "-changed_at": Order("changed_at", DESCENDING, DESCENDING),
    "changed_at": Order("changed_at", ASCENDING, ASCENDING),
}
_OLDEST_FIRST: Final = Order("created_at", ASCENDING, ASCENDING)
_URGENT: Final[Document] = {"urgency": "high", "requires_action": True, "deleted_at": None}


class Rows(NamedTuple):
    """Part of a list: its documents, and the cursor that leads on, if anything follows."""

    documents: list[Document]
    limit: int
    next_cursor: str | None
    total: int | None = None


class TicketQueries:
    """What can be asked about the tickets of one tenant."""

    def __init__(self, scope: TenantScope) -> None:
        self._scope = scope

    async def matching(self, query: TicketsQuery) -> Rows:
        """The tickets that match, from a cursor or page on."""
        order = _ORDERS[query.order]
        wanted = _filter(query)
        name = listing(
            "tickets", **query.model_dump(exclude={*_PLACE, "sort", "include_total"}), sort=order
        )
        rows = await self._rows(wanted, order, name, query)
        if not query.include_total:
            return rows
        return rows._replace(total=await (await self._scope.tickets()).count(wanted))

    async def urgent(self, query: ListQuery) -> Rows:
        """The live tickets that are high and require action, oldest first."""
        name = listing("urgent", tenant_id=self._scope.tenant_id)
        return await self._rows(_URGENT, _OLDEST_FIRST, name, query)

    async def find(self, external_id: str, *, include_deleted: bool) -> Document:
        """One ticket.

        Raises:
            TicketNotFoundError: the tenant has none with this id, or it is deleted.
        """
        wanted: Document = {"external_id": external_id}
        if not include_deleted:
            wanted["deleted_at"] = None
        ticket = await (await self._scope.tickets()).find_one(wanted)
        if ticket is None:
            raise TicketNotFoundError(self._scope.tenant_id, external_id)
        return ticket

    async def history(self, external_id: str, query: ListQuery) -> Rows:
        """The changes of one ticket, oldest first, also of a deleted one.

        Raises:
            TicketNotFoundError: the tenant never had a ticket with this id.
        """
        name = listing("history", tenant_id=self._scope.tenant_id, ticket_id=external_id)
        after = decode_cursor(query.cursor, name).number if query.cursor else 0
        limit = query.limit or DEFAULT_ROWS
        wanted = {"ticket_id": external_id, "version": {"$gt": after}}
        changes = await self._scope.history()
        found = await changes.find(wanted, [("version", ASCENDING)], limit=limit + 1)
        if not found and not (after and await changes.find_one({"ticket_id": external_id})):
            raise TicketNotFoundError(self._scope.tenant_id, external_id)
        shown = found[:limit]
        more = len(found) > limit
        cursor = Cursor(name, shown[-1]["version"], "") if more else None
        return Rows(shown, limit, encode_cursor(cursor) if cursor else None)

    async def _rows(self, wanted: Document, order: Order, name: str, query: ListQuery) -> Rows:
        limit, skip = _extent(query)
        place: Document = {}
        if query.cursor:
            cursor = decode_cursor(query.cursor, name)
            place = order.after(cursor.instant, cursor.text)
        tickets = await self._scope.tickets()
        found = await tickets.find({**wanted, **place}, order.keys, limit=limit + 1, skip=skip)
        shown = found[:limit]
        if len(found) <= limit:
            return Rows(shown, limit, None)
        last = shown[-1]
        cursor = Cursor(name, to_milliseconds(last[order.field]), last["external_id"])
        return Rows(shown, limit, encode_cursor(cursor))


_PLACE: Final = ("limit", "cursor", "page", "page_size")


def _extent(query: ListQuery) -> tuple[int, int]:
    """How many rows, and how many before them to pass over."""
    if isinstance(query, TicketsQuery) and query.is_paged:
        size = query.page_size or DEFAULT_ROWS
        return size, ((query.page or 1) - 1) * size
    return query.limit or DEFAULT_ROWS, 0


def _filter(query: TicketsQuery) -> Document:
    wanted: Document = {} if query.include_deleted else {"deleted_at": None}
    for field in _LISTS:
        if (text := getattr(query, field)) is not None:
            values = text.split(",")
            wanted[field] = values[0] if len(values) == 1 else {"$in": values}
    if query.requires_action is not None:
        wanted["requires_action"] = query.requires_action
    if query.external_id is not None:
        wanted["external_id"] = query.external_id
    created = _between(query.created_from, query.created_to)
    if created:
        wanted["created_at"] = created
    if query.updated_since is not None:
        wanted["changed_at"] = {"$gte": query.updated_since}
    return wanted


def _between(first: datetime | None, end: datetime | None) -> dict[str, Any]:
    bounds = {"$gte": first, "$lt": end}
    return {operator: moment for operator, moment in bounds.items() if moment is not None}
