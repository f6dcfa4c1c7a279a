"""Dead letters keep the original bytes, the reason, and an id that repeats share."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.topics import DEAD_LETTERS
from infra import dead_letters
from infra.dead_letters import DeadLetter
from infra.kafka import Outgoing, Record

RECORD = Record(3, 41, b"acme:T-1", b"{broken", (("trace", b"abc"), ("empty", b"")), 1)
MIB = 1024 * 1024


class Published:
    """A publisher that keeps what it is given."""

    def __init__(self) -> None:
        self.records: dict[int, list[Outgoing]] = {}

    async def publish(
        self, topic: str, records: Mapping[int, Sequence[Outgoing]]
    ) -> dict[int, int]:
        """The publisher's port."""
        assert topic == DEAD_LETTERS
        for partition, some in records.items():
            self.records.setdefault(partition, []).extend(some)
        return {}


async def _sent(letters: Iterable[DeadLetter]) -> Outgoing:
    published: Any = Published()
    await dead_letters.send(published, letters, 8)
    ((letter,),) = published.records.values()
    return letter  # type: ignore[no-any-return]


async def test_the_bytes_of_a_dead_letter_are_what_they_were() -> None:
    letter = await _sent([dead_letters.of_record("tickets.raw", RECORD, "invalid JSON: ü")])

    assert (letter.key, letter.value, letter.timestamp) == (b"acme:T-1", b"{broken", None)
    assert list(letter.headers) == [
        ("id", b"263ee26f175d09719fafad715ed758fc9b049e2b51162a1f0da9715d354b5299"),
        ("reason", "invalid JSON: ü".encode()),
        ("position", b"tickets.raw/3/41"),
        ("length", b"7"),
        ("sha256", b"be302461cda285db3ed2d45fb767b23e08ca8808b35a638009937df22b332d73"),
        ("timestamp", b"1"),
        ("original_trace", b"abc"),
        ("original_empty", b""),
    ]


async def test_a_repeat_has_the_same_id_in_the_same_partition() -> None:
    published: Any = Published()
    letter = dead_letters.of_record("tickets.raw", RECORD, "first reason")

    await dead_letters.send(published, [letter, letter._replace(reason="another")], 8)

    ((first, second),) = published.records.values()
    assert first.headers[0] == second.headers[0]


async def test_another_position_is_another_letter() -> None:
    ids = set()
    for record in (RECORD, RECORD._replace(offset=42), RECORD._replace(partition=4)):
        ids.add((await _sent([dead_letters.of_record("tickets.raw", record, "?")])).headers[0])
    assert len(ids) == 3


@pytest.mark.parametrize(("size", "kept"), [(MIB - 1, MIB - 1), (MIB, MIB), (MIB + 1, MIB)])
async def test_the_original_is_cut_at_a_mebibyte_and_measured_whole(size: int, kept: int) -> None:
    value = b"x" * size
    letter = await _sent([dead_letters.of_record("t", RECORD._replace(value=value), "record: big")])

    headers = dict(letter.headers)
    assert (len(letter.value), headers["length"]) == (kept, str(size).encode())
    assert headers["sha256"].decode() == hashlib.sha256(value).hexdigest()


async def test_a_tombstone_is_an_empty_letter() -> None:
    letter = await _sent([dead_letters.of_record("t", RECORD._replace(value=None, key=None), "?")])

    assert (letter.key, letter.value, dict(letter.headers)["length"]) == (None, b"", b"0")


@pytest.mark.parametrize(
    "headers",
    [
        [("h" * 10_000, b"v")],
        [("h", b"v")] * 1000,
        [("h", b"v" * 20_000)] * 40,
        [("h", b"v" * 5_000_000)],
    ],
)
async def test_hostile_headers_and_reasons_are_bounded_and_said_to_be_incomplete(
    headers: list[tuple[str, bytes]],
) -> None:
    hostile = RECORD._replace(headers=headers)

    letter = await _sent([dead_letters.of_record("t", hostile, "\ud800" + "r" * 10_000)])

    said = dict(letter.headers)
    assert len(letter.headers) <= 7 + 50
    assert sum(len(name) + len(value) for name, value in letter.headers) < 300_000
    assert (len(said["reason"]), said["incomplete"]) == (2000, b"key or headers")


async def test_a_hostile_key_is_cut() -> None:
    letter = await _sent([dead_letters.of_record("t", RECORD._replace(key=b"k" * MIB), "?")])

    assert (letter.key, dict(letter.headers)["incomplete"]) == (b"k" * 65_536, b"key or headers")


@given(st.text(), st.binary(max_size=50), st.lists(st.tuples(st.text(), st.none() | st.binary())))
async def test_anything_can_be_a_dead_letter(reason: str, value: bytes, headers: Any) -> None:
    record = RECORD._replace(value=value, headers=headers)

    assert (await _sent([dead_letters.of_record("t", record, reason)])).value == value
