"""Every malformed record is refused by whoever reads its topic, and by nothing worse."""

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice

import pytest

from dev.malformed import FORGED_END, Malformed, malformed
from domain.cloudevents import RawRecord, read_raw
from domain.dead_letters import read_letter
from domain.errors import RejectedRecordError, UndecodableEventError
from domain.events import decode
from domain.records import Origin, decode_record
from domain.runs import decode_audit
from domain.topics import CHANGES, CLASSIFIED, DEAD_LETTERS, RAW, RUN_EVENTS

COUNT = 3_000
SEED = 20261130


def _read_raw(record: Malformed) -> object:
    origin = Origin(0, 0, 1)
    return read_raw(RawRecord(origin, record.key, record.value, record.headers, 1_700_000_000_000))


READERS: dict[str, Callable[[Malformed], object]] = {
    RAW: _read_raw,
    CLASSIFIED: lambda record: decode_record(record.value),
    CHANGES: lambda record: decode(record.value),
    RUN_EVENTS: lambda record: decode_audit(record.value),
}


def _records(topic: str) -> Iterator[Malformed]:
    return islice(malformed(topic, SEED), COUNT)


@pytest.mark.parametrize("topic", READERS)
def test_whoever_reads_a_topic_refuses_what_is_malformed(topic: str) -> None:
    accepted = Counter[str]()
    for record in _records(topic):
        try:
            READERS[topic](record)
        except (RejectedRecordError, UndecodableEventError):
            continue
        accepted[record.kind] += 1

    assert accepted.keys() <= {FORGED_END}


def test_whatever_stands_among_the_dead_letters_is_one() -> None:
    ids = {
        read_letter(f"0/{number}", r.key, r.value or b"", r.headers, 10**12).id
        for number, r in enumerate(_records(DEAD_LETTERS))
    }

    assert len(ids) == COUNT


@pytest.mark.parametrize("topic", [*READERS, DEAD_LETTERS])
def test_the_same_seed_makes_the_same_records(topic: str) -> None:
    assert list(islice(malformed(topic, 1), 50)) == list(islice(malformed(topic, 1), 50))
    assert list(islice(malformed(topic, 1), 50)) != list(islice(malformed(topic, 2), 50))
