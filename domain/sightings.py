"""The rows that a crawl has been shown: an exact set, by 64-bit marks, in about 20 bytes each."""

import json
from array import array
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import Final

from domain.identity import is_tenant_id

_SHARDS: Final = 1024
_SMALLEST: Final = 8
_MARK_BYTES: Final = 8


def ticket_mark(tenant_id: str, external_id: str) -> int:
    """The mark of a ticket: 1 to 2**64 - 1; two of a million share one with odds of 1 to 3e7."""
    return _mark(f"{tenant_id}\x00{external_id}".encode(errors="surrogatepass"))


def row_mark(row: object) -> int:
    """The mark of a row of the helpdesk; one that names no ticket is known by its content."""
    if isinstance(row, Mapping) and is_tenant_id(row.get("tenant_id")):
        id_ = row.get("id")
        if isinstance(id_, str | int) and not isinstance(id_, bool):
            return ticket_mark(str(row["tenant_id"]), str(id_))
    return _mark(b"\x00\x00" + _content(row))


def packed(marks: Iterable[int]) -> bytes:
    """Marks as bytes, to be stored."""
    return array("Q", marks).tobytes()


def unpacked(stored: bytes) -> Iterable[int]:
    """The marks that `packed` made bytes of."""
    marks = array("Q")
    marks.frombytes(stored)
    return marks


class Sightings:
    """A set of marks.

    Open addressing in shards, so that growth never copies more than a thousandth of it at once: a
    set of Python's takes five times the memory, and a crawl of a million rows should not be felt.
    """

    def __init__(self) -> None:
        self._shards = [_Shard() for _ in range(_SHARDS)]
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def __contains__(self, mark: int) -> bool:
        return self._shards[mark % _SHARDS].holds(mark)

    def add(self, mark: int) -> bool:
        """Put a mark in; True if it is new."""
        is_new = self._shards[mark % _SHARDS].add(mark)
        self._size += is_new
        return is_new


class _Shard:
    """Slots of one mark each; 0 is an empty one."""

    __slots__ = ("_size", "_slots")

    def __init__(self) -> None:
        self._slots = array("Q", bytes(_SMALLEST * _MARK_BYTES))
        self._size = 0

    def holds(self, mark: int) -> bool:
        return self._slots[self._place(mark)] == mark

    def add(self, mark: int) -> bool:
        place = self._place(mark)
        if self._slots[place] == mark:
            return False
        self._slots[place] = mark
        self._size += 1
        if self._size * 3 > len(self._slots) * 2:
            self._grow()
        return True

    def _place(self, mark: int) -> int:
        slots = self._slots
        last = len(slots) - 1
        place = (mark // _SHARDS) & last
        while slots[place] not in (0, mark):
            place = (place + 1) & last
        return place

    def _grow(self) -> None:
        known = [mark for mark in self._slots if mark]
        self._slots = array("Q", bytes(2 * len(self._slots) * _MARK_BYTES))
        for mark in known:
            self._slots[self._place(mark)] = mark


def _mark(content: bytes) -> int:
    return int.from_bytes(blake2b(content, digest_size=_MARK_BYTES).digest(), "little") or 1


def _content(row: object) -> bytes:
    try:
        return json.dumps(row, sort_keys=True).encode()
    except RecursionError:
        return b"nested too deeply"
