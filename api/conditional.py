"""Conditional requests: JSON answers about tickets and tenants carry a tag, and 304 answers it."""

from typing import Any, Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.entity_tags import is_known, strong_tag

_RESOURCES: Final = ("tickets", "tenants")
_JSON: Final = "application/json"
_OK: Final = 200
_NOT_MODIFIED: Final = 304
_OF_CONTENT: Final = ("Content-Type", "Content-Length")
_CACHING: Final = "private, no-cache"
_TAG_HEADER: Final[dict[str, Any]] = {
    "ETag": {"description": "Names this answer.", "schema": {"type": "string"}}
}
_CONDITION: Final[dict[str, Any]] = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "`ETag`s of answers that are known, or `*`: if this is one of them, 304.",
    "schema": {"type": "string"},
}


class ConditionalAnswers:
    """Middleware that gives each such answer its tag, and leaves out what the caller has.

    The tag is made of the bytes, unless the route gave the answer one.  A streamed answer has
    none.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and scope["method"] == "GET" and _is_about(scope["path"]):
            send = _Answer(", ".join(Headers(scope=scope).getlist("If-None-Match")), send)
        await self._app(scope, receive, send)


class _Answer:
    """The sending side of one answer: its start waits for the body that it is about."""

    def __init__(self, condition: str, send: Send) -> None:
        self._condition = condition
        self._send = send
        self._start: Message | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _is_tagged(message):
            self._start = message
            return
        start, self._start = self._start, None
        if start is not None:
            if not message.get("more_body"):
                start, message = self._conditional(start, message)
            await self._send(start)
        await self._send(message)

    def _conditional(self, start: Message, body: Message) -> tuple[Message, Message]:
        headers = MutableHeaders(scope=start)
        tag = headers.setdefault("ETag", strong_tag(body.get("body", b"")))
        headers["Cache-Control"] = _CACHING
        if not is_known(self._condition, tag):
            return start, body
        for name in _OF_CONTENT:
            del headers[name]
        return {**start, "status": _NOT_MODIFIED, "headers": headers.raw}, {**body, "body": b""}


def describe_conditions(paths: dict[str, Any]) -> None:
    """Add to the paths of an OpenAPI document what the middleware adds to their answers."""
    for path, operations in paths.items():
        asked = operations.get("get")
        if asked and _is_about(path) and _JSON in asked["responses"]["200"].get("content", {}):
            asked.setdefault("parameters", []).append(_CONDITION)
            asked["responses"]["200"]["headers"] = _TAG_HEADER
            asked["responses"][str(_NOT_MODIFIED)] = {
                "description": "The caller has this answer, by `If-None-Match`.",
                "headers": _TAG_HEADER,
            }


def _is_about(path: str) -> bool:
    return path.removeprefix("/v1").split("/")[1:2] in [[name] for name in _RESOURCES]


def _is_tagged(start: Message) -> bool:
    media_type = Headers(scope=start).get("Content-Type", "")
    return bool(start["status"] == _OK and media_type.startswith(_JSON))
