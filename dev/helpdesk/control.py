"""Control routes for tests and operators: what was asked, what is there, and what goes wrong."""

import json
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router

from dev.helpdesk.faults import AnyFault
from dev.helpdesk.helpdesk import Helpdesk
from dev.helpdesk.operations import Operation, apply
from dev.helpdesk.store import DuplicateTicketError, UnknownTicketError

T = TypeVar("T")


class Limit(msgspec.Struct, forbid_unknown_fields=True):
    """Calls in any `period` seconds; 0 calls: no limit."""

    limit: int
    period: float = 60.0


class NotifyBehaviour(msgspec.Struct, forbid_unknown_fields=True):
    """How many of the first calls for each ticket fail."""

    failures: int


def control_app(helpdesk: Helpdesk) -> Router:
    """Return the routes under `/_control/` for one helpdesk."""
    control = _Control(helpdesk)
    routes: list[tuple[str, str, Callable[..., Any]]] = [
        ("GET", "requests", control.list_requests),
        ("DELETE", "requests", control.forget_requests),
        ("GET", "counts", control.count_tickets),
        ("GET", "tickets", control.list_tickets),
        ("POST", "tickets", control.change_tickets),
        ("GET", "faults", control.list_faults),
        ("POST", "faults", control.install_faults),
        ("DELETE", "faults", control.remove_faults),
        ("POST", "limit", control.set_limit),
        ("GET", "notifications", control.list_notifications),
        ("DELETE", "notifications", control.forget_notifications),
        ("POST", "notify", control.set_notify),
    ]
    return Router(
        [Route(f"/_control/{path}", call, methods=[method]) for method, path, call in routes]
    )


class _Control:
    def __init__(self, helpdesk: Helpdesk) -> None:
        self._helpdesk = helpdesk

    async def list_requests(self, _: Request) -> Response:
        return _json(self._helpdesk.requests)

    async def forget_requests(self, _: Request) -> Response:
        self._helpdesk.requests.clear()
        return Response(status_code=204)

    async def count_tickets(self, _: Request) -> Response:
        return _json(self._helpdesk.store.counts())

    async def list_tickets(self, request: Request) -> Response:
        rows = self._helpdesk.store.of_tenant(request.query_params.get("tenant_id"))
        lines = b"".join(row + b"\n" for row in rows)
        return Response(lines, media_type="application/x-ndjson")

    async def change_tickets(self, request: Request) -> Response:
        """Apply operations in order; the first that fails ends it, those before it stay."""
        try:
            for operation in await _read(request, list[Operation]):
                apply(operation, self._helpdesk.store)
        except (msgspec.ValidationError, ValueError) as error:
            status = 409 if isinstance(error, DuplicateTicketError) else 422
            return _json({"detail": str(error)}, status)
        except UnknownTicketError as error:
            return _json({"detail": str(error)}, 404)
        return _json(self._helpdesk.store.counts())

    async def list_faults(self, _: Request) -> Response:
        planned = self._helpdesk.faults.planned
        return _json([{"fault": p.fault, "seen": p.seen, "fired": p.fired} for p in planned])

    async def install_faults(self, request: Request) -> Response:
        try:
            self._helpdesk.faults.install(await _read(request, list[AnyFault]))
        except ValueError as error:
            return _json({"detail": str(error)}, 422)
        return await self.list_faults(request)

    async def remove_faults(self, _: Request) -> Response:
        self._helpdesk.faults.planned.clear()
        return Response(status_code=204)

    async def set_limit(self, request: Request) -> Response:
        try:
            wanted = await _read(request, Limit)
        except ValueError as error:
            return _json({"detail": str(error)}, 422)
        self._helpdesk.window.change(wanted.limit, wanted.period)
        return _json(wanted)

    async def list_notifications(self, _: Request) -> Response:
        return _json(self._helpdesk.notifications)

    async def forget_notifications(self, _: Request) -> Response:
        self._helpdesk.notifications.clear()
        self._helpdesk.notify_calls.clear()
        return Response(status_code=204)

    async def set_notify(self, request: Request) -> Response:
        try:
            wanted = await _read(request, NotifyBehaviour)
        except ValueError as error:
            return _json({"detail": str(error)}, 422)
        self._helpdesk.notify_failures = wanted.failures
        return _json(wanted)


def _json(value: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, media_type="application/json")


async def _read(request: Request, shape: type[T]) -> T:
    # The standard decoder lets through what tests want in tickets: lone surrogates, huge integers.
    return msgspec.convert(json.loads(await request.body()), type=shape)
