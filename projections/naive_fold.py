"""The naive fold of a part of the log: digests of what must be found, a few hundred bytes a key."""

import hashlib
from typing import Any, Final, NamedTuple

import msgspec

from domain.errors import UndecodableEventError
from projections.log_facts import Document, Fact

_DIGEST_BYTES: Final = 16
_STAMP_BYTES: Final = 8
_HEAD_BYTES: Final = 3 * _DIGEST_BYTES
NO_ENTRIES: Final = bytes(_DIGEST_BYTES)


def _odd(value: Any) -> dict[str, str]:  # noqa: ANN401 (what only BSON has)
    return {type(value).__name__: repr(value)}


_ENCODER: Final = msgspec.msgpack.Encoder(order="sorted", enc_hook=_odd)


def digest(document: Document) -> bytes:
    """16 bytes that are equal for equal documents, whatever the order of their fields.

    Raises:
        UndecodableEventError: a value that no document can hold.
    """
    try:
        encoded = _ENCODER.encode(document)
    except OverflowError as error:
        raise UndecodableEventError("an integer of more than 64 bits") from error
    return hashlib.blake2b(encoded, digest_size=_DIGEST_BYTES).digest()


def stamp(value: bytes | None) -> bytes:
    """8 bytes that tell whether a record is the very one that was read before."""
    return hashlib.blake2b(value or b"", digest_size=_STAMP_BYTES).digest()


def chained(chain: bytes, entry: Document) -> bytes:
    """The digest of a history that `entry` continues; it begins with `NO_ENTRIES`."""
    return hashlib.blake2b(chain + digest(entry), digest_size=_DIGEST_BYTES).digest()


class Expected(NamedTuple):
    """What must be found of one key: no document at version 0."""

    version: int
    document: bytes
    entries: bytes


class Fold:
    """A part of the log as digests: about 300 bytes per key and 8 per record.

    Versions must come as 1, 2, 3...: a repeat must be the same bytes, and what follows a gap is
    not expected anywhere.  Keys for which that does not hold are `suspects`.
    """

    def __init__(self) -> None:
        # Per key: the digest of the document, that of its entries, that of what an erasure would
        # leave of them, and a stamp per version.
        self._states: dict[str, bytearray] = {}
        self._broken: set[str] = set()
        self.suspects: set[str] = set()

    def add(self, fact: Fact, value: bytes | None) -> bool:
        """Fold one record in; True if its key is new."""
        state = self._states.get(fact.key)
        is_new = state is None
        if state is None:
            state = self._states[fact.key] = bytearray(_HEAD_BYTES)
        known = (len(state) - _HEAD_BYTES) // _STAMP_BYTES
        if fact.version <= known:
            at = _HEAD_BYTES + _STAMP_BYTES * (fact.version - 1)
            if state[at : at + _STAMP_BYTES] != stamp(value):
                self.suspects.add(fact.key)
        elif fact.version > known + 1 or fact.key in self._broken:
            self._broken.add(fact.key)
            self.suspects.add(fact.key)
        else:
            state[:_DIGEST_BYTES] = digest(fact.document)
            if fact.entry is not None:
                _chain(state, fact, fact.entry)
            state += stamp(value)
        return is_new

    def keys(self) -> list[str]:
        """Every key that was met."""
        return list(self._states)

    def expected(self, key: str) -> Expected:
        """What must be found of a key that was met."""
        state = self._states[key]
        version = (len(state) - _HEAD_BYTES) // _STAMP_BYTES
        return Expected(
            version, bytes(state[:_DIGEST_BYTES]), bytes(state[_DIGEST_BYTES : 2 * _DIGEST_BYTES])
        )


def _chain(state: bytearray, fact: Fact, entry: Document) -> None:
    """Continue both digests of a history; behind an erasure there is but what it left."""
    whole = bytes(state[_DIGEST_BYTES : 2 * _DIGEST_BYTES])
    left = bytes(state[2 * _DIGEST_BYTES : _HEAD_BYTES])
    state[_DIGEST_BYTES : 2 * _DIGEST_BYTES] = chained(left if fact.erases else whole, entry)
    state[2 * _DIGEST_BYTES : _HEAD_BYTES] = chained(left, fact.left or entry)
