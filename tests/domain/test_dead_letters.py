"""Whatever stands on the dead-letter topic can be read, and says as much as it knows."""

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

import bson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.dead_letters import Place, letter_document, letter_of, place_of, read_letter
from domain.letter_subjects import names_customer, subject_of
from domain.redriving import RedriveMarks, marked

VALUE = b'{"specversion": "1.0", "id": "e-1", "data": {"tenant_id": "acme", "id": 7}}'
SEEN = 1_800_000_000_000


def _headers(**said: str) -> list[tuple[str, bytes]]:
    whole = {
        "id": "a" * 64,
        "reason": "status: nothing is no text",
        "position": "tickets.raw/3/41",
        "length": str(len(VALUE)),
        "sha256": hashlib.sha256(VALUE).hexdigest(),
        "timestamp": "1700000000123",
    }
    return [(name, value.encode()) for name, value in (whole | said).items() if value]


def test_a_letter_says_all_that_is_known_of_it() -> None:
    headers = [*_headers(), ("original_trace", b"\xff")]

    letter = read_letter("0/9", b"acme:7", VALUE, headers, SEEN)

    assert (letter.id, letter.position) == ("a" * 64, "tickets.raw/3/41")
    assert letter.place == Place("tickets.raw", 3, 41)
    assert (letter.tenant_id, letter.external_id) == ("acme", "7")
    assert letter.headers == (("trace", b"\xff"),)
    assert letter.arrived_at == datetime.fromtimestamp(1_700_000_000.123, UTC)
    assert letter.seen_at == datetime.fromtimestamp(SEEN / 1000, UTC)
    assert (letter.state, letter.complete) == ("waiting", True)


@pytest.mark.parametrize(
    "said",
    [{"length": str(len(VALUE) + 1)}, {"incomplete": "key or headers"}],
)
def test_a_letter_that_was_cut_is_not_complete(said: dict[str, str]) -> None:
    assert not read_letter("0/9", None, VALUE, _headers(**said), SEEN).complete


def test_a_letter_that_says_nothing_is_known_by_where_it_stands() -> None:
    letter = read_letter("0/9", None, b"", [], SEEN)

    assert letter.position == "tickets.dead-letters/0/9"
    assert letter.id == hashlib.sha256(letter.position.encode()).hexdigest()
    assert letter.reason == "the dead letter does not say"
    assert letter.arrived_at == letter.seen_at


def test_a_record_that_was_redriven_arrived_when_it_first_did() -> None:
    original = marked([], RedriveMarks("b" * 64, 1_600_000_000_000))
    headers = [*_headers(), *((f"original_{name}", value) for name, value in original)]

    letter = read_letter("0/9", None, VALUE, headers, SEEN)

    assert letter.arrived_at == datetime.fromtimestamp(1_600_000_000, UTC)


@pytest.mark.parametrize(
    ("position", "place"),
    [
        ("tickets.classified/0/7", Place("tickets.classified", 0, 7)),
        ("crawl/4f0c/12", Place("crawl", None, 12)),
        ("tickets.classified/marker/0/1/2", Place(None, None, None)),
        ("tickets.raw/x/1", Place(None, None, None)),
        ("tickets.raw/1/" + "9" * 30, Place(None, None, None)),
        ("", Place(None, None, None)),
    ],
)
def test_a_position_names_a_place_as_far_as_it_does(position: str, place: Place) -> None:
    assert place_of(position) == place


@pytest.mark.parametrize(
    ("topic", "key", "value", "subject"),
    [
        ("tickets.raw", None, {"data": {"tenant_id": "a", "external_id": "T"}}, ("a", "T")),
        ("tickets.raw", None, {"id": "e", "data": {"tenant_id": "a"}}, ("a", None)),
        ("tickets.raw", None, {"data": {"tenant_id": "no tenant", "id": "T"}}, (None, "T")),
        ("crawl", None, {"tenant_id": "a", "id": 7}, ("a", "7")),
        ("tickets.classified", None, {"ticket": {"tenant_id": "a"}}, ("a", None)),
        (
            "tickets.changes",
            None,
            {"id": "u", "tenant_id": "a", "external_id": "T", "ticket": {"source": "x"}},
            ("a", "T"),
        ),
        ("tickets.raw", b"b:T:9", "not an object", ("b", "T:9")),
        ("tickets.raw", b"no key of ours", [], (None, None)),
        ("tickets.raw", b"b:\x00", 1, ("b", None)),
        ("tickets.raw", b"b:T", {"data": {"tenant_id": "a", "id": "S"}}, ("a", "S")),
    ],
)  # fmt: skip
def test_the_ticket_is_told_where_it_can_be(
    topic: str, key: bytes | None, value: Any, subject: tuple[str | None, str | None]
) -> None:
    assert subject_of(topic, key, json.dumps(value).encode()) == subject


def test_binary_mode_and_bytes_that_are_no_json_name_their_ticket_too() -> None:
    row = b'{"tenant_id": "a", "id": "T", "data": 1}'

    assert subject_of("tickets.raw", None, row, [("ce_specversion", b"1.0")]) == ("a", "T")
    assert subject_of("tickets.raw", b"a:T", b"\xff{") == ("a", "T")
    assert subject_of("tickets.raw", b"a:T", b"[" * 100_000) == ("a", "T")


@given(
    st.none() | st.binary(),
    st.binary(),
    st.lists(
        st.tuples(
            st.sampled_from(["id", "reason", "position", "length", "sha256", "timestamp"])
            | st.text(st.characters(codec="utf-8")).map(lambda name: f"original_{name}"),
            st.binary() | st.integers().map(lambda number: str(number).encode()),
        )
    ),
    st.integers(-(2**63), 2**63 - 1),
)
def test_anything_can_be_read_stored_and_read_back(
    key: bytes | None, value: bytes, headers: list[tuple[str, bytes]], timestamp: int
) -> None:
    letter = read_letter("0/9", key, value, headers, timestamp)

    options: bson.CodecOptions[dict[str, Any]] = bson.CodecOptions(tz_aware=True)
    stored = bson.decode(bson.encode(letter_document(letter)), options)
    assert letter_of(stored) == letter


@pytest.mark.parametrize(
    ("value", "named"),
    [
        (b'{"data": {"customer_id": "c-1"}}', True),
        (b'{"data": {"customer_id": "c-10"}, "x": "c-1"}', False),
        (b'{"ticket": {"fields": {"customer_id": "c-1"}}}', True),
        (b'{"changes": [{"field": "customer_id", "old": "c-1", "new": null}]}', True),
        (b'{"changes": [{"field": "subject", "old": "c-1", "new": null}]}', False),
        (b'{"customer_id": {"deep": ["c-1"]}}', False),
        (b"c-1 in no JSON", None),
        (b"nothing in no JSON", False),
    ],
)
def test_a_payload_names_a_customer_where_it_says_whose_ticket_it_is(
    value: bytes, named: bool | None
) -> None:
    assert names_customer(value, "c-1") is named


def test_an_integer_that_names_a_customer_is_its_decimal_text() -> None:
    assert names_customer(b'[{"customer_id": 17}]', "17") is True
