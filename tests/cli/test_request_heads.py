"""A head without an end costs its sender the connection, and nobody else anything."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from api.run_models import Problem
from cli.request_heads import MOST_BYTES, BoundedHeads

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def answer_ok(
    scope: dict[str, Any],
    receive: Callable[[], Awaitable[Any]],
    send: Callable[[dict[str, Any]], Awaitable[None]],
) -> None:
    """Read the body, and say so."""
    if scope["path"] == "/never":
        await asyncio.Event().wait()
    while (await receive()).get("more_body"):
        pass
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]}
    )
    await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture
async def connection() -> AsyncIterator[Connection]:
    config = uvicorn.Config(answer_ok, http=BoundedHeads, log_config=None, lifespan="off")
    config.load()
    state = ServerState()
    server = await asyncio.get_running_loop().create_server(
        lambda: BoundedHeads(config, state, {}), "127.0.0.1", 0
    )
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    yield reader, writer
    writer.close()
    server.close()


async def answered(connection: Connection) -> bytes:
    return await connection[0].readuntil(b"ok")


async def test_a_head_that_is_too_long_is_a_problem(connection: Connection) -> None:
    reader, writer = connection
    head = b"GET / HTTP/1.1\r\nHost: here\r\nX-Long: "
    # Not a byte more than is looked at: a connection closed with bytes unread is reset.
    writer.write(head + b"x" * (MOST_BYTES + 1 - len(head)))

    head, _, body = (await reader.read()).partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 431 ")
    assert b"application/problem+json" in head
    assert Problem.model_validate(json.loads(body)).status == 431


async def test_whoever_sends_on_and_on_is_cut_off(connection: Connection) -> None:
    writer = connection[1]
    writer.write(b"GET / HTTP/1.1\r\nHost: here\r\nX-Endless: ")

    with pytest.raises(ConnectionError):
        await send_much(writer)


async def send_much(writer: asyncio.StreamWriter) -> None:
    for _ in range(100 * MOST_BYTES // 1_000):
        writer.write(b"x" * 1_000)
        await writer.drain()


async def test_many_heads_and_large_bodies_pass(connection: Connection) -> None:
    _, writer = connection
    for _ in range(3):
        writer.write(b"POST / HTTP/1.1\r\nHost: here\r\n")
        for n in range(30):
            writer.write(f"X-{n}: {'x' * 1_000}\r\n".encode())
            await writer.drain()
        writer.write(b"Content-Length: 200000\r\n\r\n" + b"x" * 200_000)
        assert (await answered(connection)).startswith(b"HTTP/1.1 200 OK")


async def test_the_answer_before_it_is_not_garbled(connection: Connection) -> None:
    reader, writer = connection
    writer.write(b"GET /never HTTP/1.1\r\nHost: here\r\n\r\n")
    writer.write(b"GET / HTTP/1.1\r\nX-Long: " + b"x" * MOST_BYTES)

    with suppress(ConnectionError):
        assert await reader.read() == b""
