"""Questions about one tenant's tickets: lists by cursor or page, one ticket, its history."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final, NamedTuple

from pymongo import ASCENDING
from pymongo.errors import ExecutionTimeout

from api.cursors import Cursor, decode_cursor, encode_cursor, listing
from api.errors import SlowListError
from api.parameters import ListQuery
from api.scope import TenantScope
from api.ticket_parameters import TicketFilters, TicketsQuery
from api.ticket_selection import LIVE, Selection, select
from domain.errors import TicketNotFoundError
from domain.instants import to_milliseconds
from infra.mongo import Document

DEFAULT_ROWS: Final = 50
# Tickets, some 250 kB: what an export holds in memory, and encodes while other requests wait.
_EXPORT_BATCH: Final = 200


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
        """The tickets that match, from a cursor or page on.

        Raises:
            SlowListError: no index fits, and there is too much to read.
        """
        selection = select(query, query.order)
        filters = query.model_dump(exclude={*_PLACE, "sort", "include_total"})
        name = listing("tickets", **filters, sort=selection.order)
        try:
            rows = await self._rows(selection, name, query)
            if not query.include_total:
                return rows
            tickets = await self._scope.tickets()
            return rows._replace(total=await tickets.count(selection.query, selection.index_name))
        except ExecutionTimeout:
            raise SlowListError(_advice(query)) from None

    async def urgent(self, query: ListQuery) -> Rows:
        """The live tickets that are high and require action, oldest first."""
        filters = TicketFilters(tenant_id=query.tenant_id, urgency="high", requires_action=True)
        selection = select(filters, "created_at")
        name = listing("urgent", tenant_id=self._scope.tenant_id, sort=selection.order)
        return await self._rows(selection, name, query)

    async def export(self, filters: TicketFilters) -> AsyncGenerator[list[Document]]:
        """All tickets that match, batch by batch, in the order that goes with the filters.

        Raises:
            SlowListError: no index fits, and there is too much to read.
        """
        selection = select(filters, filters.order)
        tickets = await self._scope.tickets()
        batches = tickets.batches(
            selection.query, selection.order.keys, size=_EXPORT_BATCH, index=selection.index_name
        )
        async with aclosing(batches):
            try:
                async for batch in batches:
                    yield batch
            except ExecutionTimeout:
                raise SlowListError(_advice(filters)) from None

    async def find(self, external_id: str, *, include_deleted: bool) -> Document:
        """One ticket.

        Raises:
            TicketNotFoundError: the tenant has none with this id, or it is deleted.
        """
        wanted = {"external_id": external_id, **({} if include_deleted else LIVE)}
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

    async def _rows(self, selection: Selection, name: str, query: ListQuery) -> Rows:
        limit, skip = _extent(query)
        if query.cursor:
            cursor = decode_cursor(query.cursor, name)
            selection = selection.after(cursor.instant, cursor.text)
        order = selection.order
        tickets = await self._scope.tickets()
        found = await tickets.find(
            selection.query, order.keys, limit=limit + 1, skip=skip, index=selection.index_name
        )
        shown = found[:limit]
        if len(found) <= limit:
            return Rows(shown, limit, None)
        last = shown[-1]
        cursor = Cursor(name, to_milliseconds(last[order.field]), last["external_id"])
        return Rows(shown, limit, encode_cursor(cursor))


_PLACE: Final = ("limit", "cursor", "page", "page_size")
_NARROWING: Final = ("status", "urgency", "customer_id")


def _extent(query: ListQuery) -> tuple[int, int]:
    """How many rows, and how many before them to pass over."""
    if isinstance(query, TicketsQuery) and query.is_paged:
        size = query.page_size or DEFAULT_ROWS
        return size, ((query.page or 1) - 1) * size
    return query.limit or DEFAULT_ROWS, 0


def _advice(filters: TicketFilters) -> str:
    """What makes a list quick that took too long."""
    ways = []
    if filters.created_from is None or filters.created_to is None:
        ways.append("narrow created_from..created_to")
    if missing := [name for name in _NARROWING if getattr(filters, name) is None]:
        ways.append(f"add {' or '.join(missing)}")
    if isinstance(filters, TicketsQuery):
        if filters.include_total:
            ways.append("leave out include_total")
        if filters.sort not in {None, "created_at", "-created_at"}:
            ways.append("leave out sort")
    return ", or ".join(ways) or "narrow created_from..created_to further"
