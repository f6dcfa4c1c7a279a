"""What may be sent to `tickets.raw` in place of a dead letter, or why nothing can be.  Pure."""

from collections.abc import Callable
from typing import Any, Final, Literal, NamedTuple

import msgspec

from domain import events, runs
from domain.dead_letters import Letter
from domain.errors import RejectedRecordError, UndecodableEventError
from domain.instants import to_milliseconds
from domain.letter_subjects import CRAWL
from domain.records import Deleted, Observed, Origin, decode_record
from domain.redriving import Headers, RedriveMarks, marked
from domain.topics import CHANGES, CLASSIFIED, RAW, RUN_EVENTS
from streams.routing import ROW_JOB, ROW_SOURCE, CrawlPlace, record_of

# What stands in the way of a letter; `rebuild` means that the log still holds the record.
Obstacle = Literal["refused", "held_back", "impossible", "rebuild", "redriven", "evicted"]

_MODELS: Final[dict[str, tuple[str, Callable[[bytes | None], object]]]] = {
    CHANGES: ("tickets and ticket_history", events.decode),
    RUN_EVENTS: ("ingestion_logs", runs.decode_audit),
}


class Resend(NamedTuple):
    """A record for `tickets.raw`, with its marks; `partition` is where it stood there, if it did.

    `arrived` is when it first came, in milliseconds.
    """

    key: bytes | None
    value: bytes
    headers: Headers
    arrived: int
    partition: int | None


class Hindrance(NamedTuple):
    """Why a letter is not sent again."""

    obstacle: Obstacle
    why: str


def resend_of(letter: Letter) -> Resend | Origin | Hindrance:
    """The record to send again, the raw position of the record to send, or what is in the way."""
    topic = letter.place.topic
    if letter.state != "waiting":
        return Hindrance(letter.state, f"was {letter.state} before")
    if topic in _MODELS:
        return _rebuilt(letter, *_MODELS[topic])
    if not letter.complete:
        kept = f"{len(letter.value)} of {letter.length} bytes were kept, or not every header"
        return Hindrance("impossible", f"the letter is not whole: {kept}")
    reread = _REREAD.get(topic or "")
    if reread is None:
        return Hindrance("impossible", f"nothing reads again what stood at {letter.position}")
    return reread(letter)


def marked_resend(
    letter: Letter, key: bytes | None, value: bytes, headers: Headers, partition: int | None
) -> Resend:
    """A raw record, marked as this letter's."""
    arrived = to_milliseconds(letter.arrived_at)
    marks = RedriveMarks(letter.id, arrived)
    return Resend(key, value, marked(headers, marks), arrived, partition)


def _rebuilt(letter: Letter, models: str, decode: Callable[[bytes | None], object]) -> Hindrance:
    """A record that a projector refused is still in the log, from which its model is made anew."""
    cure = f"nothing to send: the log holds it, and a rebuild of {models} reads it again"
    try:
        decode(letter.value)
    except UndecodableEventError as error:
        return Hindrance("rebuild", f"{cure}, once it can: {error.reason}")
    return Hindrance("rebuild", cure)


def _raw(letter: Letter) -> Resend:
    return marked_resend(letter, letter.key, letter.value, letter.headers, letter.place.partition)


def _classified(letter: Letter) -> Origin | Hindrance:
    """The sync agent passes over a raw position that it knows: the raw record is sent again."""
    try:
        record = decode_record(letter.value)
    except UndecodableEventError as error:
        return Hindrance("refused", error.reason)
    if isinstance(record, Observed | Deleted):
        return record.origin
    return Hindrance("impossible", "the bookkeeping of a run, which has ended without it")


def _row(letter: Letter) -> Resend | Hindrance:
    """The record that the crawl would have made of this row."""
    context = {name: content.decode(errors="replace") for name, content in letter.headers}
    crawl_id, number = letter.position.split("/")[1], letter.place.offset
    if number is None or not {ROW_SOURCE, ROW_JOB} <= context.keys():
        return Hindrance("impossible", "the letter does not say which crawl showed the row")
    place = CrawlPlace(crawl_id, number - 1, context[ROW_SOURCE], partitions=1)
    try:
        row: Any = msgspec.json.decode(letter.value)
        record = record_of(row, place, context[ROW_JOB], 0, letter.arrived_at)
    except RejectedRecordError as error:
        return Hindrance("refused", error.reason)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return Hindrance("refused", f"invalid JSON: {error}")
    return marked_resend(letter, record.key, record.value, (), None)


_REREAD: Final[dict[str, Callable[[Letter], Resend | Origin | Hindrance]]] = {
    RAW: _raw,
    CLASSIFIED: _classified,
    CRAWL: _row,
}
