"""What the receiver says is its status, whatever goes wrong behind it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from domain.alerts import Delivered, Failed, Outcome, Refused
from notifications.receiver import Receiver


@asynccontextmanager
async def answering(answer: bytes) -> AsyncIterator[Receiver]:
    """A receiver behind a server that sends this much, and then nothing."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await reader.read()  # until the other side closes
        writer.close()
        await writer.wait_closed()
        ended.set()

    ended = asyncio.Event()
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    receiver = Receiver(f"http://127.0.0.1:{port}/notify", seconds=2.0, connections=1)
    try:
        yield receiver
    finally:
        await receiver.close()
        await ended.wait()
        server.close()
        await server.wait_closed()


HEAD = b"HTTP/1.1 %s\r\nContent-Length: 100\r\n\r\n"


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (HEAD % b"200 OK", Delivered(200)),
        (HEAD % b"422 No" + b"no such", Refused("answered 422", "no such")),
        (HEAD % b"404 No", Refused("answered 404", "")),
        (HEAD % b"500 Oh", Failed("answered 500")),
        (b"HTTP/1.1 200", Failed("no answer within 2 s")),
        (b"", Failed("no answer within 2 s")),
    ],
)
async def test_an_answer_that_never_ends_is_its_status(answer: bytes, outcome: Outcome) -> None:
    async with answering(answer) as receiver:
        assert await receiver.send("a-1", {"ticket_id": "T-1"}) == outcome
