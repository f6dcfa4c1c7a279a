"""Answers of the helpdesk, before they are sent."""

from dataclasses import dataclass, field

import msgspec

from dev.helpdesk.store import encode_page

Headers = list[tuple[bytes, bytes]]


@dataclass(slots=True)
class Answer:
    """Status, body and extra headers; a body is JSON unless the headers say otherwise."""

    status: int
    body: bytes
    headers: Headers = field(default_factory=list)
    content_type: bytes = b"application/json"

    def all_headers(self) -> Headers:
        """Return every header, with the length the body has."""
        length = b"%d" % len(self.body)
        standard = [(b"content-type", self.content_type), (b"content-length", length)]
        return standard + self.headers


@dataclass(slots=True)
class Page:
    """One page of tickets, each as JSON."""

    rows: list[bytes]
    next_page: int | None
    total_count: int

    def answer(self) -> Answer:
        """Return the page as the helpdesk answers with it."""
        return Answer(200, encode_page(self.rows, self.next_page, self.total_count))


def json_answer(status: int, value: object) -> Answer:
    """Return `value` as JSON."""
    return Answer(status, msgspec.json.encode(value))


def problem(status: int, detail: str, retry_after: str | None = None) -> Answer:
    """Return an error, told the way this helpdesk tells them."""
    answer = json_answer(status, {"detail": detail})
    if retry_after is not None:
        answer.headers.append((b"retry-after", retry_after.encode("latin-1")))
    return answer
