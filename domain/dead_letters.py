"""A dead letter as it is read back from `tickets.dead-letters`: what is known of it, never less."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from domain.errors import RejectedRecordError
from domain.instants import from_milliseconds
from domain.letter_subjects import CRAWL, subject_of
from domain.redriving import redrive_marks
from domain.topics import DEAD_LETTERS

Document: TypeAlias = dict[str, Any]
Headers: TypeAlias = Sequence[tuple[str, bytes]]
LetterState = Literal["waiting", "redriven", "evicted"]

# The headers of a dead letter; those of the record itself follow under names of their own.
ID: Final = "id"
REASON: Final = "reason"
POSITION: Final = "position"
LENGTH: Final = "length"
SHA256: Final = "sha256"
TIMESTAMP: Final = "timestamp"
INCOMPLETE: Final = "incomplete"
ORIGINAL: Final = "original_"

_UNKNOWN: Final = "the dead letter does not say"
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_LONGEST_NUMBER: Final = 15  # digits


class Place(NamedTuple):
    """Where a record stood.  A row of a crawl has no partition, its offset is its number."""

    topic: str | None
    partition: int | None
    offset: int | None


class Letter(NamedTuple):
    """One dead letter.  `arrived_at` is when the record first came, `seen_at` when it was refused.

    `complete` is False if bytes of the original are missing, so that it cannot be sent again.
    """

    id: str
    position: str
    place: Place
    key: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    value: bytes
    length: int
    sha256: str
    complete: bool
    reason: str
    tenant_id: str | None
    external_id: str | None
    arrived_at: datetime
    seen_at: datetime
    state: LetterState = "waiting"


def read_letter(
    stood: str, key: bytes | None, value: bytes, headers: Headers, timestamp: int
) -> Letter:
    """The letter that a record of `tickets.dead-letters` is; `stood` is the record's own position.

    Anything can be read: what is missing or makes no sense is replaced by what the record shows.
    """
    said = {name: content or b"" for name, content in headers if not name.startswith(ORIGINAL)}
    original = tuple(
        (name.removeprefix(ORIGINAL), content or b"")
        for name, content in headers
        if name.startswith(ORIGINAL)
    )
    position = said.get(POSITION, b"").decode(errors="replace") or f"{DEAD_LETTERS}/{stood}"
    place = place_of(position)
    length = _number(said.get(LENGTH, b""))
    digest = said.get(SHA256, b"").decode(errors="replace")
    tenant_id, external_id = subject_of(place.topic, key, value, original)
    seen_at = _instant(timestamp) or from_milliseconds(0)
    return Letter(
        id=_id(said.get(ID, b"").decode(errors="replace"), position),
        position=position,
        place=place,
        key=key,
        headers=original,
        value=value,
        length=len(value) if length is None else length,
        sha256=digest if _SHA256.fullmatch(digest) else hashlib.sha256(value).hexdigest(),
        complete=length in (None, len(value)) and INCOMPLETE not in said,
        reason=said.get(REASON, b"").decode(errors="replace") or _UNKNOWN,
        tenant_id=tenant_id,
        external_id=external_id,
        arrived_at=_arrival(original, said.get(TIMESTAMP, b"")) or seen_at,
        seen_at=seen_at,
    )


def place_of(position: str) -> Place:
    """The place that `topic/partition/offset` or `crawl/id/number` names, as far as it does."""
    topic, *rest = position.split("/")
    numbers = [_number(part.encode()) for part in rest]
    if topic == CRAWL and len(rest) == 2:
        return Place(CRAWL, None, numbers[1])
    if len(rest) == 2 and None not in numbers:
        return Place(topic, numbers[0], numbers[1])
    return Place(None, None, None)


def letter_document(letter: Letter) -> Document:
    """The `dead_letters` document of a letter nobody has dealt with yet."""
    return {
        "_id": letter.id,
        "position": letter.position,
        "topic": letter.place.topic,
        "partition": letter.place.partition,
        "offset": letter.place.offset,
        "key": letter.key,
        "headers": [list(header) for header in letter.headers],
        "value": letter.value,
        "length": letter.length,
        "sha256": letter.sha256,
        "complete": letter.complete,
        "reason": letter.reason,
        "tenant_id": letter.tenant_id,
        "external_id": letter.external_id,
        "arrived_at": letter.arrived_at,
        "first_seen": letter.seen_at,
        "last_seen": letter.seen_at,
        "state": letter.state,
        "trail": [],
    }


def letter_of(document: Mapping[str, Any]) -> Letter:
    """The letter that a document of `dead_letters` holds."""
    same = ("position", "key", "value", "length", "sha256", "complete", "reason", "tenant_id")
    return Letter(
        id=document["_id"],
        place=Place(document["topic"], document["partition"], document["offset"]),
        headers=tuple((name, content) for name, content in document["headers"]),
        seen_at=document["first_seen"],
        external_id=document["external_id"],
        arrived_at=document["arrived_at"],
        state=document["state"],
        **{name: document[name] for name in same},
    )


def _arrival(headers: Headers, said: bytes) -> datetime | None:
    """When the record first came: before its first redrive, if it was redriven."""
    marks = redrive_marks(headers)
    known = _number(said) if marks is None or marks.arrived is None else marks.arrived
    return None if known is None else _instant(known)


def _instant(milliseconds: int) -> datetime | None:
    try:
        return from_milliseconds(milliseconds)
    except RejectedRecordError:
        return None


def _number(text: bytes) -> int | None:
    return int(text) if text.isdigit() and len(text) <= _LONGEST_NUMBER else None


def _id(said: str, position: str) -> str:
    return said if _SHA256.fullmatch(said) else hashlib.sha256(position.encode()).hexdigest()
