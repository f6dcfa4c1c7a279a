"""Request heads with an end: a connection that sends one for ever is answered, and closed."""

import json
import uuid
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

MOST_BYTES: Final = 65_536  # more than the application lets pass, which names the part
_STATUS: Final = 431
_PROBLEM: Final = {
    "type": "urn:deskstream:problem:header-too-large",
    "title": "Request Header Fields Too Large",
    "status": _STATUS,
    "detail": f"the head of the request has more than {MOST_BYTES} bytes",
    "instance": "",
}


class BoundedHeads(HttpToolsProtocol):
    """HTTP/1.1 by httptools, which keeps what it has of a head in memory until it ends."""

    def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 (as uvicorn calls it)
        super().__init__(*args, **options)
        self._head_bytes = 0
        self._is_in_head = False

    def data_received(self, data: bytes) -> None:
        """Take what arrived; while a head goes on, count it."""
        super().data_received(data)
        if not self._is_in_head:
            self._head_bytes = 0
            return
        self._head_bytes += len(data)
        if self._head_bytes > MOST_BYTES and not self.transport.is_closing():
            self._refuse()

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        self._is_in_head = True

    def on_headers_complete(self) -> None:
        """It ended."""
        self._is_in_head = False
        super().on_headers_complete()

    def _refuse(self) -> None:
        if self.cycle is not None and not self.cycle.response_complete:
            self.transport.close()  # in the middle of the answer before it
            return
        body = json.dumps(_PROBLEM | {"request_id": str(uuid.uuid4())}).encode()
        fields = (
            b"content-type: application/problem+json",
            b"content-length: %d" % len(body),
            b"connection: close",
        )
        self.transport.write(STATUS_LINE[_STATUS] + b"\r\n".join((*fields, b"", body)))
        self.transport.close()
