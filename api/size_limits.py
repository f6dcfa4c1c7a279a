"""Size limits: requests that are larger than any route could want are refused before any work."""

from typing import Final

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import BodyTooLargeError, HeaderTooLargeError, OversizeError, TargetTooLongError
from api.problems import refusal

MOST_HEAD_BYTES: Final = 32_768  # of all header fields together
MOST_TARGET_BYTES: Final = 32_768  # of path and query: a thousand characters in every filter
MOST_BODY_BYTES: Final = 65_536  # no route takes a body; what clients send all the same is small


class SizeLimits:
    """Middleware that refuses what is too large: 413, 414 or 431."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or say what of it is too large."""
        if scope["type"] == "http":
            try:
                _check_head(scope)
                receive = await _without_body(scope, receive)
            except OversizeError as error:
                await refusal(Request(scope), error)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _check_head(scope: Scope) -> None:
    target = len(scope.get("raw_path") or b"") + len(scope["query_string"])
    if target > MOST_TARGET_BYTES:
        raise TargetTooLongError(MOST_TARGET_BYTES)
    if sum(len(name) + len(value) for name, value in scope["headers"]) > MOST_HEAD_BYTES:
        raise HeaderTooLargeError(MOST_HEAD_BYTES)


async def _without_body(scope: Scope, receive: Receive) -> Receive:
    """The rest of the request: a body is read and forgotten, as no route takes one.

    Raises:
        BodyTooLargeError: it says that it is too long, or it is.
    """
    headers = dict(scope["headers"])
    length = headers.get(b"content-length", b"")
    if length.isdigit() and int(length[:20]) > MOST_BODY_BYTES:
        raise BodyTooLargeError(MOST_BODY_BYTES)
    if length in (b"", b"0") and b"transfer-encoding" not in headers:
        return receive
    read, more = 0, True
    while more:
        message = await receive()
        read += len(message.get("body", b""))
        more = message["type"] == "http.request" and message.get("more_body", False)
        if read > MOST_BODY_BYTES:
            raise BodyTooLargeError(MOST_BODY_BYTES)
    is_given = False

    async def receive_rest() -> Message:
        nonlocal is_given
        if not is_given:
            is_given = True
            return {"type": "http.request", "body": b"", "more_body": False}
        return await receive()

    return receive_rest
