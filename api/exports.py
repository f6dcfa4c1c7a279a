"""Exports of tickets: a stream of batches, which breaks off where it cannot be completed."""

import csv
import io
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing
from typing import Any, Final, Protocol

import msgspec
import structlog
from fastapi.responses import StreamingResponse
from pymongo.errors import PyMongoError
from starlette.types import Send

from api.documents import shown_ticket
from api.errors import SlowListError
from infra.mongo import Document

log = structlog.get_logger()

_COLUMNS: Final = (
    *("tenant_id", "external_id", "source", "customer_id", "subject", "message", "status"),
    *("created_at", "updated_at", "deleted_at", "urgency", "sentiment", "requires_action"),
    *("matched", "ruleset_version", "version", "changed_at"),
)
# What makes a spreadsheet take a cell for a formula (OWASP, "CSV Injection").
_FORMULA_BEGINS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_ENCODER: Final = msgspec.json.Encoder()


class Form(Protocol):
    """How tickets are written down."""

    media_type: str
    begin: bytes

    def encode(self, tickets: Sequence[Document]) -> bytes:
        """The bytes of a batch."""


class Csv:
    """RFC 4180 with a header row, in UTF-8; null is an empty cell.

    A cell that a spreadsheet would take for a formula begins with `'` instead.
    """

    media_type = "text/csv; charset=utf-8"
    begin = f"{','.join(_COLUMNS)}\r\n".encode()

    def encode(self, tickets: Sequence[Document]) -> bytes:
        """A line for each ticket."""
        return _lines([_cell(value) for value in _flat(ticket)] for ticket in tickets)


class Ndjson:
    """Each ticket on a line, as JSON, in the shape that lists have."""

    media_type = "application/x-ndjson"
    begin = b""

    def encode(self, tickets: Sequence[Document]) -> bytes:
        """A line for each ticket."""
        return _ENCODER.encode_lines([shown_ticket(ticket) for ticket in tickets])


FORMS: Final[dict[str, Form]] = {"csv": Csv(), "ndjson": Ndjson()}
EXPORT_ANSWER: Final[dict[str, Any]] = {
    "description": "The tickets, chunk by chunk.",
    "content": {
        form.media_type.partition(";")[0]: {"schema": {"type": "string"}} for form in FORMS.values()
    },
}


class StreamedExport(StreamingResponse):
    """An attachment; whoever hangs up ends the query.

    Where the rest cannot be had, the answer is left without its end: the server closes the
    connection before the last chunk, and no client takes the export for complete (RFC 9112,
    section 8).
    """

    def __init__(self, chunks: AsyncGenerator[bytes], form: Form, file_name: str) -> None:
        headers = {
            "Content-Disposition": f'attachment; filename="{file_name}"',
            "Cache-Control": "private, no-store",
        }
        super().__init__(chunks, media_type=form.media_type, headers=headers)
        self._chunks = chunks

    async def stream_response(self, send: Send) -> None:
        """Send chunk by chunk, as fast as the other side reads."""
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        await send(start)
        async with aclosing(self._chunks):
            try:
                async for chunk in self._chunks:
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
            except (PyMongoError, SlowListError) as error:
                # Not raised: where it would be logged, it would be with all that is in memory.
                log.warning("export_broken_off", reason=type(error).__name__)
                return
        await send({"type": "http.response.body", "body": b""})


async def chunks(
    form: Form, first: Sequence[Document], rest: AsyncGenerator[list[Document]]
) -> AsyncGenerator[bytes]:
    """The bytes of an export whose first batch is there.

    Raises:
        PyMongoError, SlowListError: it cannot be completed.
    """
    yield form.begin
    batch = first
    async with aclosing(rest):
        while batch:
            yield form.encode(batch)
            batch = await anext(rest, [])


def _flat(ticket: Document) -> list[Any]:
    shown = shown_ticket(ticket)
    evidence = shown["classification"]
    shown["matched"] = _ENCODER.encode(evidence["matched"]).decode()
    shown["ruleset_version"] = evidence["ruleset_version"]
    return [shown[column] for column in _COLUMNS]


def _cell(value: Any) -> str:  # noqa: ANN401 (fields are of many types)
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    return f"'{text}" if text.startswith(_FORMULA_BEGINS) else text


def _lines(rows: Iterable[Iterable[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode()
