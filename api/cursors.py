"""Cursors: the place after the last row shown, opaque to the caller and checked when it returns."""

import hashlib
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final

import msgspec

from api.errors import ParameterError
from domain.instants import from_milliseconds

_FIRST_MS: Final = -62_135_596_800_000  # the years 1 to 9999
_LAST_MS: Final = 253_402_300_799_999


class Cursor(msgspec.Struct, frozen=True, array_like=True):
    """A place in a list: which `listing` in which order, and the last row's key.

    `number` is an instant in milliseconds or a version, `text` an id.
    """

    listing: str
    number: Annotated[int, msgspec.Meta(ge=_FIRST_MS, le=_LAST_MS)]
    text: str

    @property
    def instant(self) -> datetime:
        """`number` as an instant."""
        return from_milliseconds(self.number)


_DECODER = msgspec.json.Decoder(Cursor)


def listing(name: str, **filters: object) -> str:
    """What a cursor belongs to: a cursor of one list says nothing about another."""
    said = msgspec.json.encode([name, _text(filters)])
    return hashlib.blake2b(said, digest_size=9).hexdigest()


def encode_cursor(cursor: Cursor) -> str:
    """`cursor` as the caller gets it."""
    return urlsafe_b64encode(msgspec.json.encode(cursor)).decode().rstrip("=")


def decode_cursor(text: str, expected: str) -> Cursor:
    """The cursor that `text` is, of the `expected` listing.

    Raises:
        ParameterError: it was not made by us, or for other filters or another order.
    """
    try:
        raw = b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        cursor = _DECODER.decode(raw)
    except (ValueError, msgspec.MsgspecError):
        raise ParameterError("cursor", "is not one that this service made") from None
    if cursor.listing != expected:
        raise ParameterError("cursor", "was made for another tenant, order or other filters")
    return cursor


def _text(filters: Mapping[str, Any]) -> list[list[str]]:
    return [[name, str(value)] for name, value in sorted(filters.items()) if value is not None]
