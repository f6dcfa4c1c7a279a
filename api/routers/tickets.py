"""`/tickets`: lists, one ticket, and its history."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from api.access import TicketReader
from api.answers import JsonResponse
from api.dependencies import Connections, TicketPath
from api.documents import shown_change, shown_ticket
from api.exports import EXPORT_ANSWER, FORMS, StreamedExport, chunks
from api.links import next_link
from api.models import HistoryPage, TicketPage, TicketView
from api.openapi import problems
from api.parameters import ListQuery, TicketQuery
from api.ticket_parameters import MOST_ROWS, ExportQuery, TicketsQuery
from api.ticket_queries import Rows, TicketQueries
from infra.mongo import Document

router = APIRouter(prefix="/tickets", tags=["tickets"])


@router.get("", response_model=TicketPage, responses=problems())
async def list_tickets(
    request: Request,
    caller: TicketReader,
    services: Connections,
    query: Annotated[TicketsQuery, Query()],
) -> JsonResponse:
    """Live tickets that match every filter, newest first unless asked otherwise.

    A cursor walks a list of any length and shows no row twice and misses none that was there
    when it began and stayed as it was.
    """
    rows = await TicketQueries(services.scope(caller.grant(query.tenant_id))).matching(query)
    page: dict[str, Any] = {}
    if query.is_paged:
        page["page"] = query.page or 1
    if rows.total is not None:
        page["total"] = rows.total
    return _ticket_page(request, rows, page)


@router.get("/urgent", response_model=TicketPage, responses=problems())
async def list_urgent_tickets(
    request: Request,
    caller: TicketReader,
    services: Connections,
    query: Annotated[ListQuery, Query()],
) -> JsonResponse:
    """Live tickets that are high and require action, oldest first."""
    return _ticket_page(
        request,
        await TicketQueries(services.scope(caller.grant(query.tenant_id))).urgent(query),
        {},
    )


@router.get(
    "/export",
    status_code=200,
    response_class=StreamedExport,
    responses={200: EXPORT_ANSWER, **problems()},
)
async def export_tickets(
    caller: TicketReader, services: Connections, query: Annotated[ExportQuery, Query()]
) -> StreamedExport:
    """All live tickets that match every filter, as a file, newest first.

    One walk, in batches, of any length. Tickets that arrive, change or go meanwhile may be in it
    or not; every other ticket is in it once. With `updated_since` or `include_deleted` it is in
    the order of `changed_at`: what changes meanwhile may come again, with a higher `version`.
    An export that fails is cut off: the connection closes before the last chunk. In `csv`, a cell
    that a spreadsheet would take for a formula has a `'` in front.
    """
    form = FORMS[query.format]
    batches = TicketQueries(services.scope(caller.grant(query.tenant_id))).export(query)
    first: list[Document] = await anext(batches, [])
    name = f"tickets-{query.tenant_id}.{query.format}"
    return StreamedExport(chunks(form, first, batches), form, name)


@router.get("/{ticket_id}", response_model=TicketView, responses=problems(404))
async def get_ticket(
    caller: TicketReader,
    ticket_id: TicketPath,
    services: Connections,
    query: Annotated[TicketQuery, Query()],
) -> JsonResponse:
    """One ticket; a deleted one only with `include_deleted=true`."""
    tickets = TicketQueries(services.scope(caller.grant(query.tenant_id)))
    found = await tickets.find(ticket_id, include_deleted=query.include_deleted)
    return JsonResponse(shown_ticket(found))


@router.get("/{ticket_id}/history", response_model=HistoryPage, responses=problems(404))
async def get_ticket_history(
    request: Request,
    caller: TicketReader,
    ticket_id: TicketPath,
    services: Connections,
    query: Annotated[ListQuery, Query()],
) -> JsonResponse:
    """Every change of a ticket, oldest first, also of a deleted one."""
    rows = await TicketQueries(services.scope(caller.grant(query.tenant_id))).history(
        ticket_id, query
    )
    answer = {
        "tenant_id": query.tenant_id,
        "ticket_id": ticket_id,
        "history": [shown_change(document) for document in rows.documents],
        "limit": rows.limit,
        "next_cursor": rows.next_cursor,
    }
    return JsonResponse(answer, headers=_link(request, rows, None))


def _ticket_page(request: Request, rows: Rows, page: dict[str, Any]) -> JsonResponse:
    answer = {
        "tickets": [shown_ticket(document) for document in rows.documents],
        "limit": rows.limit,
        "next_cursor": rows.next_cursor,
        **page,
    }
    return JsonResponse(answer, headers=_link(request, rows, page.get("page")))


def _link(request: Request, rows: Rows, page: int | None) -> dict[str, str]:
    """Where the list goes on: by number as long as numbers reach, then by cursor."""
    if rows.next_cursor is None:
        return {}
    if page is not None and (page + 1) * rows.limit <= MOST_ROWS:
        return next_link(request, page=page + 1)
    return next_link(request, cursor=rows.next_cursor, limit=rows.limit, page=None, page_size=None)
