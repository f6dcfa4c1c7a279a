"""Sending an answer the way the faults ask: at once, late, in pieces, in part, or never."""

import asyncio
from collections.abc import Sequence
from typing import cast

from starlette.types import Receive, Send
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from dev.helpdesk.answers import Answer
from dev.helpdesk.faults import AnyFault, Drop, Hang, SlowAnswer
from dev.helpdesk.records import RequestRecord


async def deliver(answer: Answer, record: RequestRecord, send: Send) -> None:
    """Send `answer` whole and at once."""
    await _send_head(answer, record, send)
    await send({"type": "http.response.body", "body": answer.body})


async def deliver_with_faults(
    answer: Answer,
    faults: Sequence[AnyFault],
    record: RequestRecord,
    receive: Receive,
    send: Send,
) -> None:
    """Send `answer`, or as much of it as `faults` let through."""
    for fault in faults:
        match fault:
            case Hang():
                await _wait_for_disconnect(receive, fault.seconds)
                return await _close(receive, send)
            case Drop(after_bytes=0):
                return await _close(receive, send)
            case Drop():
                await _send_head(answer, record, send)
                part = answer.body[: min(fault.after_bytes, len(answer.body) - 1)]
                await send({"type": "http.response.body", "body": part, "more_body": True})
                return await _close(receive, send)
            case SlowAnswer():
                return await _deliver_slowly(answer, fault, record, send)
            case _:
                continue
    return await deliver(answer, record, send)


async def _send_head(answer: Answer, record: RequestRecord, send: Send) -> None:
    record.status = answer.status
    start = {"type": "http.response.start", "status": answer.status}
    await send({**start, "headers": answer.all_headers()})


async def _deliver_slowly(
    answer: Answer, fault: SlowAnswer, record: RequestRecord, send: Send
) -> None:
    pause = fault.seconds / fault.chunks
    size = -(-len(answer.body) // fault.chunks) or 1
    await asyncio.sleep(pause)
    await _send_head(answer, record, send)
    for start in range(0, len(answer.body), size):
        if start:
            await asyncio.sleep(pause)
        piece = answer.body[start : start + size]
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _wait_for_disconnect(receive: Receive, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            while (await receive())["type"] != "http.disconnect":
                pass
    except TimeoutError:
        return


async def _close(receive: Receive, send: Send) -> None:
    # ASGI has no message for hanging up; uvicorn's `send` is a method of the object that can.
    cycle = cast(RequestResponseCycle, send.__self__)  # type: ignore[attr-defined]
    cycle.transport.close()
    await _wait_for_disconnect(receive, 5.0)
