"""Dead letters: records nothing could process, kept with the reason and the original bytes."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple, TypeVar

from domain.errors import UndecodableEventError
from domain.topics import DEAD_LETTERS
from infra.kafka import Headers, Outgoing, Record
from infra.publisher import Publisher

T = TypeVar("T")

_KEPT_BYTES: Final = 1024 * 1024
_LONGEST_REASON: Final = 2000


class DeadLetter(NamedTuple):
    """A refused payload.  `position` says where it stood, so that repeats count once."""

    position: str
    reason: str
    key: bytes | None
    value: bytes
    headers: Headers = ()


def of_record(topic: str, record: Record, reason: str) -> DeadLetter:
    """The dead letter of a record of `topic`."""
    position = f"{topic}/{record.partition}/{record.offset}"
    return DeadLetter(position, reason, record.key, record.value or b"", record.headers)


def readable(
    topic: str, slices: Mapping[int, Sequence[Record]], decode: Callable[[bytes | None], T]
) -> tuple[dict[int, list[T]], list[DeadLetter]]:
    """What each partition's records of a topic of ours hold, and dead letters for the others."""
    decoded: dict[int, list[T]] = {}
    refused = []
    for partition, records in slices.items():
        some = decoded.setdefault(partition, [])
        for record in records:
            try:
                some.append(decode(record.value))
            except UndecodableEventError as error:
                refused.append(of_record(topic, record, error.reason))
    return decoded, refused


async def send(publisher: Publisher, letters: Iterable[DeadLetter], partitions: int) -> None:
    """Write dead letters; return when Kafka has them."""
    records: dict[int, list[Outgoing]] = {}
    for letter in letters:
        digest = hashlib.sha256(letter.position.encode()).digest()
        partition = int.from_bytes(digest[:4], "big") % partitions
        records.setdefault(partition, []).append(_outgoing(letter))
    await publisher.publish(DEAD_LETTERS, records)


def _outgoing(letter: DeadLetter) -> Outgoing:
    headers = [
        ("id", hashlib.sha256(letter.position.encode()).hexdigest().encode()),
        ("reason", letter.reason[:_LONGEST_REASON].encode(errors="replace")),
        ("position", letter.position.encode()),
        ("length", str(len(letter.value)).encode()),
        ("sha256", hashlib.sha256(letter.value).hexdigest().encode()),
    ]
    kept = [(f"original_{name}"[:200], value or b"") for name, value in letter.headers][:50]
    return Outgoing(letter.key, letter.value[:_KEPT_BYTES], [*headers, *kept])
