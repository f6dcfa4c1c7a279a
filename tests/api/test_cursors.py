"""Cursors lead back to where they were made, and nowhere else."""

from base64 import urlsafe_b64encode

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.cursors import Cursor, decode_cursor, encode_cursor, listing
from api.errors import ParameterError

YEARS_1_TO_9999 = st.integers(-62_135_596_800_000, 253_402_300_799_999)


@given(number=YEARS_1_TO_9999, text=st.text(st.characters(exclude_categories=["Cs"])))
def test_a_cursor_survives_the_trip_through_the_caller(number: int, text: str) -> None:
    cursor = Cursor(listing("tickets"), number, text)

    assert decode_cursor(encode_cursor(cursor), listing("tickets")) == cursor


@given(st.text(max_size=200))
def test_any_text_is_a_cursor_or_a_refusal(text: str) -> None:
    with pytest.raises(ParameterError):
        decode_cursor(text, listing("tickets"))


@pytest.mark.parametrize(
    "content",
    [
        ["name", 10**18, "T-1"],
        ["name", "1", "T-1"],
        ["name", 1],
        {"listing": "name"},
        None,
        ["name", -(10**18), "T-1"],
    ],
)
def test_a_cursor_of_another_make_is_refused(content: object) -> None:
    text = urlsafe_b64encode(msgspec.json.encode(content)).decode().rstrip("=")

    with pytest.raises(ParameterError, match="this service"):
        decode_cursor(text, "name")


def test_a_cursor_belongs_to_one_listing() -> None:
    cursor = encode_cursor(Cursor(listing("tickets", tenant_id="acme"), 1, "T-1"))

    with pytest.raises(ParameterError, match="another"):
        decode_cursor(cursor, listing("tickets", tenant_id="globex"))
