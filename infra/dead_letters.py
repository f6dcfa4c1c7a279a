"""Dead letters: records nothing could process, kept with the reason and the original bytes."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple, TypeVar

from domain import dead_letters as letters
from domain.errors import UndecodableEventError
from domain.topics import DEAD_LETTERS
from infra import process_metrics
from infra.kafka import Headers, Outgoing, Record
from infra.publisher import Publisher
from infra.turns import in_turns

T = TypeVar("T")

_KEPT_BYTES: Final = 1024 * 1024
_KEPT_KEY_BYTES: Final = 64 * 1024
_KEPT_HEADERS: Final = 50
_KEPT_HEADER_BYTES: Final = 256 * 1024
_LONGEST_NAME: Final = 200
_LONGEST_REASON: Final = 2000


class DeadLetter(NamedTuple):
    """A refused payload.  `position` says where it stood, so that repeats count once.

    `timestamp` is when it arrived there, in milliseconds: the `time` of a record without one.
    """

    position: str
    reason: str
    key: bytes | None
    value: bytes
    headers: Headers = ()
    timestamp: int | None = None


def of_record(topic: str, record: Record, reason: str) -> DeadLetter:
    """The dead letter of a record of `topic`."""
    position = f"{topic}/{record.partition}/{record.offset}"
    value = record.value or b""
    return DeadLetter(position, reason, record.key, value, record.headers, record.timestamp)


async def readable(
    topic: str, slices: Mapping[int, Sequence[Record]], decode: Callable[[bytes | None], T]
) -> tuple[dict[int, list[T]], list[DeadLetter]]:
    """What each partition's records of a topic of ours hold, and dead letters for the others."""
    decoded: dict[int, list[T]] = {}
    refused: list[DeadLetter] = []
    for partition, records in slices.items():
        some = decoded.setdefault(partition, [])

        def read(record: Record, some: list[T] = some) -> None:
            try:
                some.append(decode(record.value))
            except UndecodableEventError as error:
                refused.append(of_record(topic, record, error.reason))

        await in_turns(records, read)
    return decoded, refused


async def send(publisher: Publisher, letters: Iterable[DeadLetter], partitions: int) -> None:
    """Write dead letters; return when Kafka has them."""
    records: dict[int, list[Outgoing]] = {}
    origins: Counter[str] = Counter()
    for letter in letters:
        origins[letter.position.partition("/")[0]] += 1
        digest = hashlib.sha256(letter.position.encode()).digest()
        partition = int.from_bytes(digest[:4], "big") % partitions
        records.setdefault(partition, []).append(outgoing(letter))
    await publisher.publish(DEAD_LETTERS, records)
    for origin, count in origins.items():
        process_metrics.DEAD_LETTERS.labels(origin).inc(count)


def outgoing(letter: DeadLetter) -> Outgoing:
    """The record of `tickets.dead-letters` that a letter becomes."""
    kept, lost = _kept_headers(letter.headers)
    headers = [
        (letters.ID, hashlib.sha256(letter.position.encode()).hexdigest().encode()),
        (letters.REASON, letter.reason[:_LONGEST_REASON].encode(errors="replace")),
        (letters.POSITION, letter.position.encode()),
        (letters.LENGTH, str(len(letter.value)).encode()),
        (letters.SHA256, hashlib.sha256(letter.value).hexdigest().encode()),
    ]
    if letter.timestamp is not None:
        headers.append((letters.TIMESTAMP, str(letter.timestamp).encode()))
    key = letter.key
    if lost or (key is not None and len(key) > _KEPT_KEY_BYTES):
        headers.append((letters.INCOMPLETE, b"key or headers"))
    kept_key = None if key is None else key[:_KEPT_KEY_BYTES]
    return Outgoing(kept_key, letter.value[:_KEPT_BYTES], [*headers, *kept])


def _kept_headers(headers: Headers) -> tuple[list[tuple[str, bytes]], bool]:
    """The original headers under names of their own, as many as a letter has room for.

    Also whether any of them was cut or left out.
    """
    kept: list[tuple[str, bytes]] = []
    room = _KEPT_HEADER_BYTES
    for name, value in headers:
        named = f"{letters.ORIGINAL}{name}"
        content = value or b""
        size = len(named.encode(errors="replace")) + len(content)
        if len(kept) == _KEPT_HEADERS or len(named) > _LONGEST_NAME or size > room:
            continue
        room -= size
        kept.append((named, content))
    return kept, len(kept) < len(headers)
