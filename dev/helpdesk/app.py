"""The helpdesk as an ASGI application: records, limits and answers every request."""

import time

from starlette.types import ASGIApp, Receive, Scope, Send

from dev.helpdesk.answers import Answer, json_answer, problem
from dev.helpdesk.control import control_app
from dev.helpdesk.delivery import deliver, deliver_with_faults
from dev.helpdesk.effects import alter_page, disturb_tickets, replace_answer
from dev.helpdesk.faults import AnyFault, Refusal, RouteName, Target
from dev.helpdesk.helpdesk import PAGE_SIZE, Helpdesk, notified_ticket, page_of_query
from dev.helpdesk.rate_limit import retry_after
from dev.helpdesk.records import record_request

_TICKETS = "/external/support-tickets"
_TICKET: RouteName = "ticket"
_ROUTES: dict[str, tuple[str, RouteName]] = {
    _TICKETS: ("GET", "tickets"),
    "/external/deleted-tickets": ("GET", "deleted"),
    "/health": ("GET", "health"),
    "/notify": ("POST", "notify"),
}


class HelpdeskApp:
    """Serves one helpdesk; `/_control/` is neither recorded nor limited."""

    def __init__(self, helpdesk: Helpdesk) -> None:
        self._helpdesk = helpdesk
        self._control: ASGIApp = control_app(helpdesk)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        if scope["path"].startswith("/_control/"):
            return await self._control(scope, receive, send)
        method, path, query = scope["method"], scope["path"], scope["query_string"]
        record = record_request(method, path, query)
        self._helpdesk.requests.append(record)
        if path.startswith("/external/") and (
            wait := self._helpdesk.window.admit(time.monotonic())
        ):
            record.refused_by_limit = True
            return await deliver(problem(429, "too many calls", retry_after(wait)), record, send)
        target = _target(method, path, record.query)
        if isinstance(target, Answer):
            return await deliver(target, record, send)
        body = b""
        if target.route == "notify":
            body = await _read_body(receive)
            target = target._replace(ticket_id=notified_ticket(body))
        faults = self._helpdesk.faults.fire(target)
        answer = self._answer(target, scope, body, faults)
        if not faults:
            return await deliver(answer, record, send)
        record.faults = [type(fault).__name__ for fault in faults]
        answer = replace_answer(answer, faults)
        return await deliver_with_faults(answer, faults, record, receive, send)

    def _answer(self, target: Target, scope: Scope, body: bytes, faults: list[AnyFault]) -> Answer:
        match target.route:
            case "tickets":
                return self._page_answer(scope["query_string"].decode("latin-1"), faults)
            case "ticket":
                return self._helpdesk.ticket_answer(target.ticket_id or "")
            case "deleted":
                return self._helpdesk.deleted_answer()
            case "notify":
                refusals = (fault.status for fault in faults if isinstance(fault, Refusal))
                key = _header(scope, b"idempotency-key")
                return self._helpdesk.notify_answer(body, key, next(refusals, None))
            case "health":
                return json_answer(200, {"status": "ok"})

    def _page_answer(self, query: str, faults: list[AnyFault]) -> Answer:
        asked = page_of_query(query)
        if asked is None:
            return problem(422, f"page is 1 or more, page_size 1 to {PAGE_SIZE}")
        if not faults:
            return self._helpdesk.page_answer(*asked)
        disturb_tickets(self._helpdesk, faults, *asked)
        tenant_id = self._helpdesk.settings.tenants[0]
        return alter_page(self._helpdesk.page(*asked), faults, asked[0], tenant_id).answer()


def _target(method: str, path: str, query: str) -> Target | Answer:
    """Return what a request asks for, or the answer that there is no such thing."""
    ticket_id = path.removeprefix(f"{_TICKETS}/") if path.startswith(f"{_TICKETS}/") else None
    known = ("GET", _TICKET) if ticket_id else _ROUTES.get(path)
    if known is None:
        return problem(404, "no such route")
    allowed, route = known
    if method != allowed:
        answer = problem(405, f"only {allowed} is allowed here")
        answer.headers.append((b"allow", allowed.encode()))
        return answer
    asked = page_of_query(query) if route == "tickets" else None
    return Target(route, asked and asked[0], ticket_id)


def _header(scope: Scope, name: bytes) -> str | None:
    values = (value for key, value in scope["headers"] if key == name)
    first: bytes | None = next(values, None)
    return None if first is None else first.decode("latin-1")


async def _read_body(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        body += bytes(message.get("body", b""))
        if not message.get("more_body"):
            return body
