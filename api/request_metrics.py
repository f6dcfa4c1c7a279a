"""How long requests take, by route and status; a path that no route has counts as one."""

import time
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from infra.process_metrics import HTTP_IN_FLIGHT, HTTP_REQUESTS

_METHODS: Final = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
_NO_ROUTE: Final = "none"
_FAILED: Final = 500


class RequestMetrics:
    """Middleware that measures each request to the end of its answer, streamed ones too."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = _FAILED  # where nothing is answered, somebody above says so

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        begun = time.monotonic()
        with HTTP_IN_FLIGHT.track_inprogress():
            try:
                await self._app(scope, receive, noted)
            finally:
                labels = (_method(scope), _route(scope), str(status))
                HTTP_REQUESTS.labels(*labels).observe(time.monotonic() - begun)


def _method(scope: Scope) -> str:
    return scope["method"] if scope["method"] in _METHODS else "other"


def _route(scope: Scope) -> str:
    """The template of the route; bare and under `/v1` it is the same."""
    path: str = getattr(scope.get("route"), "path", _NO_ROUTE)
    return path.removeprefix("/v1")
