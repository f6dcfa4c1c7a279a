"""`python -m benchmarks.endless_desk`: a helpdesk of any size, its rows made as they are asked for.

One tenant, no limit, no two tickets with the same text; it serves pages and nothing else.
"""

import socket
from datetime import UTC, datetime
from typing import Annotated, Final
from urllib.parse import parse_qs

import msgspec
import typer
import uvicorn
from starlette.types import Receive, Scope, Send

from dev.helpdesk.generator import generate
from dev.helpdesk.store import encode_page

TENANT: Final = "lumenfold"
READY: Final = "endless desk ready url="
_DISTINCT: Final = 2_000
_PAGE_SIZE: Final = 100
_NUMBER: Final = "@@"


class EndlessDesk:
    """Serves `GET /external/support-tickets`; everything else is 404."""

    def __init__(self, tickets: int) -> None:
        self._tickets = tickets
        self._patterns = _patterns(min(tickets, _DISTINCT))

    async def __call__(self, scope: Scope, _: Receive, send: Send) -> None:
        """Answer one request."""
        is_page = scope["path"] == "/external/support-tickets"
        number = int(parse_qs(scope["query_string"].decode()).get("page", ["1"])[0])
        body = self._page(number) if is_page else b"{}"
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        status = 200 if is_page else 404
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _page(self, number: int) -> bytes:
        first = (number - 1) * _PAGE_SIZE
        stop = min(first + _PAGE_SIZE, self._tickets)
        rows = [
            self._patterns[row % len(self._patterns)].replace(_NUMBER.encode(), b"%d" % row)
            for row in range(first, stop)
        ]
        return encode_page(rows, number + 1 if stop < self._tickets else None, self._tickets)


def _patterns(count: int) -> list[bytes]:
    now = datetime(2026, 11, 1, tzinfo=UTC)
    tickets = generate(11, count, (TENANT,), now=now, long_messages=True)
    return [
        msgspec.json.encode(
            ticket | {"id": f"T-{_NUMBER}", "subject": f"{ticket['subject']} (case {_NUMBER})"}
        )
        for ticket in tickets
    ]


def serve(tickets: Annotated[int, typer.Option(min=1, help="How many.")] = 1_000_000) -> None:
    """Serve on a free port until SIGTERM."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        app = EndlessDesk(tickets)
        typer.echo(f"{READY}http://127.0.0.1:{listener.getsockname()[1]}")
        config = uvicorn.Config(app, http="httptools", lifespan="off", ws="none", log_level="error")
        uvicorn.Server(config).run([listener])


if __name__ == "__main__":
    typer.run(serve)
