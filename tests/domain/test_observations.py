"""The one validator of crawl and classifier: what a ticket may be, and the reason why not."""

import copy
import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import RejectedRecordError
from domain.observations import SeenTicket, TicketFields, read_ticket

ROW: dict[str, Any] = {
    "id": "T-1",
    "tenant_id": "acme",
    "source": "email",
    "customer_id": "c-1",
    "subject": "Printer",
    "message": "It is on fire.",
    "status": "open",
    "created_at": "2026-01-01T10:00:00Z",
    "updated_at": "2026-01-02T10:00:00Z",
}


def test_a_row_is_read_member_by_member() -> None:
    assert read_ticket(ROW) == SeenTicket(
        "acme",
        "T-1",
        datetime(2026, 1, 2, 10, tzinfo=UTC),
        TicketFields(
            "Printer",
            "It is on fire.",
            "open",
            "c-1",
            "email",
            datetime(2026, 1, 1, 10, tzinfo=UTC),
        ),
    )
    assert read_ticket(ROW).key == "acme:T-1"


@pytest.mark.parametrize("name", ["subject", "message"])
def test_null_or_missing_text_is_the_empty_string(name: str) -> None:
    for row in (ROW | {name: None}, _without(name), ROW | {name: ""}):
        assert getattr(read_ticket(row).fields, name) == ""


@pytest.mark.parametrize("name", ["customer_id", "source"])
def test_customer_and_source_may_be_unknown(name: str) -> None:
    for row in (ROW | {name: None}, _without(name)):
        assert getattr(read_ticket(row).fields, name) is None


def test_an_empty_customer_is_no_customer() -> None:
    assert read_ticket(ROW | {"customer_id": ""}).fields.customer_id is None


def test_a_missing_update_is_the_creation() -> None:
    for row in (ROW | {"updated_at": None}, _without("updated_at")):
        assert read_ticket(row).updated_at == read_ticket(ROW).fields.created_at


@pytest.mark.parametrize("status", ["open", "waiting for vendor", "GESCHLOSSEN", "✓"])
def test_an_unknown_status_is_kept_as_it_is(status: str) -> None:
    assert read_ticket(ROW | {"status": status}).fields.status == status


@pytest.mark.parametrize("number", [0, -1, 42, 2**63 - 1, -(2**63)])
def test_an_integer_id_becomes_its_decimal_text(number: int) -> None:
    seen = read_ticket(ROW | {"id": number, "customer_id": number})

    assert (seen.external_id, seen.fields.customer_id) == (str(number), str(number))


@pytest.mark.parametrize("value", ["x" * 256, "ü" * 256, "a:b", " ", "../x", "😀", "\u2028"])
def test_an_id_may_be_any_text_of_256_characters(value: str) -> None:
    assert read_ticket(ROW | {"id": value, "customer_id": value}).external_id == value


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"id": None}, "id: nothing is no identifier"),
        ({"id": ""}, "id: '' is no identifier"),
        ({"id": True}, "id: True is no identifier"),
        ({"id": 1.5}, "id: 1.5 is no identifier"),
        ({"id": ["T-1"]}, "id: a list is no identifier"),
        ({"id": 2**63}, "id: an integer over 64 bits"),
        ({"id": -(2**63) - 1}, "id: an integer over 64 bits"),
        ({"id": "x" * 257}, "id: 257 characters, at most 256"),
        ({"id": "a\x1fb"}, "id: holds a control character"),
        ({"id": "a\x00b"}, "id: holds a control character"),
        ({"id": "a\x7fb"}, "id: holds a control character"),
        ({"id": "a\x85b"}, "id: holds a control character"),
        ({"id": "a\ud800"}, "id: holds a lone surrogate"),
        ({"customer_id": 2**70}, "customer_id: an integer over 64 bits"),
        ({"customer_id": "a\nb"}, "customer_id: holds a control character"),
        ({"customer_id": False}, "customer_id: False is no identifier"),
        ({"customer_id": "x" * 257}, "customer_id: 257 characters, at most 256"),
        ({"tenant_id": None}, "tenant_id: nothing is no tenant id"),
        ({"tenant_id": "a:b"}, "tenant_id: 'a:b' is no tenant id"),
        ({"tenant_id": 7}, "tenant_id: 7 is no tenant id"),
        ({"tenant_id": {"a": 1}}, "tenant_id: a dict is no tenant id"),
        ({"subject": 17}, "subject: expected text, got int"),
        ({"message": {"text": "x"}}, "message: expected text, got dict"),
        ({"message": "a\x00b"}, "message: holds a NUL character"),
        ({"subject": "half \ud83d"}, "subject: holds a lone surrogate"),
        ({"source": 1}, "source: expected text, got int"),
        ({"source": "a\x00"}, "source: holds a NUL character"),
        ({"status": None}, "status: nothing is no text"),
        ({"status": ""}, "status: '' is no text"),
        ({"status": ["open"]}, "status: expected text, got list"),
        ({"created_at": None}, "created_at: expected an ISO 8601 instant, got nothing"),
        ({"created_at": 1}, "created_at: expected an ISO 8601 instant, got int"),
        ({"created_at": "soon"}, "created_at: 'soon' is no ISO 8601 instant"),
        ({"updated_at": ""}, "updated_at: '' is no ISO 8601 instant"),
    ],
)
def test_a_broken_member_is_refused_by_name(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(RejectedRecordError, match=f"^{re.escape(reason)}$"):
        read_ticket(ROW | changes)


@pytest.mark.parametrize("name", ["id", "tenant_id", "status", "created_at"])
def test_a_missing_member_is_refused_by_name(name: str) -> None:
    with pytest.raises(RejectedRecordError, match=f"^{name}: "):
        read_ticket(_without(name))


@pytest.mark.parametrize("row", [None, [], [ROW], "T-1", 1, 1.5, True])
def test_what_is_no_object_is_refused(row: object) -> None:
    with pytest.raises(RejectedRecordError, match=r"^ticket: expected an object, got "):
        read_ticket(row)


def test_a_value_that_has_no_repr_is_refused_like_any_other() -> None:
    for name in ROW:
        with pytest.raises(RejectedRecordError, match=f"^{name}: "):
            read_ticket(ROW | {name: nested(100_000)})


def nested(depth: int) -> list[Any]:
    """Lists within lists, deeper than any recursion may go."""
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


def test_members_beyond_the_contract_are_left_out() -> None:
    assert read_ticket(ROW | {"priority": 1, "$set": {}, "": None}) == read_ticket(ROW)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(sorted(ROW)), _json | st.text(max_size=300)))
def test_any_row_is_a_ticket_that_utf8_and_bson_hold_or_refused(changes: dict[str, Any]) -> None:
    row = ROW | changes
    before = copy.deepcopy(row)
    try:
        seen = read_ticket(row)
    except RejectedRecordError:
        pass
    else:
        texts = [seen.external_id, *(v for v in _values(seen.fields) if isinstance(v, str))]
        assert "\x00" not in "".join(texts)
        assert json.dumps(texts, ensure_ascii=False).encode()
    assert repr(row) == repr(before)


def _values(fields: TicketFields) -> list[object]:
    return [getattr(fields, name) for name in fields.__struct_fields__]


def _without(name: str) -> dict[str, Any]:
    return {key: value for key, value in ROW.items() if key != name}
