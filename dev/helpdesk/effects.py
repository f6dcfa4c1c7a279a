"""What faults do to the tickets, to a page and to an answer."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import islice

from dev.helpdesk.answers import Answer, Page, problem
from dev.helpdesk.bad_rows import bad_row
from dev.helpdesk.faults import (
    AnyFault,
    BadRows,
    EmptyPage,
    Garbage,
    InsertedRows,
    MovedRows,
    OmittedRows,
    Refusal,
    RemovedRows,
    RepeatedPage,
    Shape,
    TouchedRows,
    WrongTotal,
)
from dev.helpdesk.helpdesk import Helpdesk
from dev.helpdesk.store import TicketStore
from dev.helpdesk.timestamps import zulu


def disturb_tickets(helpdesk: Helpdesk, faults: Sequence[AnyFault], page: int, size: int) -> None:
    """Move, add and remove tickets as `faults` ask, before `page` is served."""
    store = helpdesk.store
    for fault in faults:
        match fault:
            case InsertedRows():
                store.insert(islice(helpdesk.newcomers, fault.rows), fault.position)
            case RemovedRows():
                for row in store.rows[: min(fault.rows, (page - 1) * size)]:
                    store.remove(*row.key, listed=fault.listed)
            case MovedRows():
                _move_forward(store, page * size, fault.rows)
            case TouchedRows():
                start = (page - 1) * size
                _touch(store, start, start + min(fault.rows, size), fault.seconds)
            case _:
                continue


def alter_page(page: Page, faults: Sequence[AnyFault], number: int, tenant_id: str) -> Page:
    """Return page `number` as `faults` would have it; bad rows are of `tenant_id`."""
    for fault in faults:
        match fault:
            case BadRows():
                tenant = fault.tenant_id or tenant_id
                page.rows = [*page.rows, *(bad_row(kind, tenant) for kind in fault.rows)]
            case OmittedRows():
                page.rows = [row for row in page.rows[fault.rows :] if not _named(row, fault.ids)]
            case WrongTotal():
                page.total_count += fault.by
            case RepeatedPage():
                page.next_page = fault.to or number
            case EmptyPage():
                page.rows = []
                page.next_page = page.next_page if fault.goes_on else None
            case _:
                continue
    return page


def replace_answer(answer: Answer, faults: Sequence[AnyFault]) -> Answer:
    """Return a refusal or garbage in place of `answer`, if a fault asks for it: the first wins."""
    for fault in faults:
        match fault:
            case Refusal():
                return problem(fault.status, "refused on request", _retry_after(fault))
            case Garbage():
                return _garbage(fault.shape, answer)
            case _:
                continue
    return answer


def _move_forward(store: TicketStore, start: int, rows: int) -> None:
    for index in range(start, min(start + rows, len(store))):
        store.move(index, 0)


def _touch(store: TicketStore, start: int, stop: int, seconds: float) -> None:
    for row in store.rows[start:stop]:
        before = datetime.fromisoformat(row.ticket["updated_at"])
        before = before.replace(tzinfo=before.tzinfo or UTC)
        store.touch(*row.key, zulu(before + timedelta(seconds=seconds)))


def _named(row: bytes, ids: Sequence[str]) -> bool:
    return any(b'"id":"%b"' % name.encode() in row for name in ids)


def _retry_after(refusal: Refusal) -> str | None:
    if refusal.retry_date_in is None:
        return refusal.retry_after
    when = datetime.now(UTC) + timedelta(seconds=refusal.retry_date_in)
    return format_datetime(when, usegmt=True)


def _garbage(shape: Shape, answer: Answer) -> Answer:
    match shape:
        case "truncated":
            return Answer(200, answer.body[: len(answer.body) // 2])
        case "not_json":
            return Answer(200, b"<html>It works!</html>", content_type=b"text/html")
        case _:
            return Answer(200, _BODIES[shape])


_BODIES: dict[Shape, bytes] = {
    "empty": b"",
    "null": b"null",
    "not_an_object": b"[1, 2, 3]",
    "wrong_shape": b'{"items": [], "more": false}',
    "tickets_not_a_list": b'{"tickets": {"id": "T-1"}, "next_page": null, "total_count": 1}',
    "wrong_next_page": b'{"tickets": [], "next_page": "soon", "total_count": "many"}',
    "not_utf8": b'{"tickets": [], "next_page": null, "total_count": 0, "note": "\xff\xfe"}',
}
