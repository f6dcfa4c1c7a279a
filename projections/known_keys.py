"""Every key of a log, 8 bytes each: enough to tell which documents the log does not know."""

from array import array
from bisect import bisect_left
from collections.abc import Iterable
from typing import Final

_SHELVES: Final = 1_024
_BITS: Final = (1 << 64) - 1


class KnownKeys:
    """A set of 64-bit hashes, in sorted arrays; two keys share one once in 10^19 pairs."""

    def __init__(self) -> None:
        self._shelves = [array("Q") for _ in range(_SHELVES)]
        self._new: set[int] = set()

    def add(self, keys: Iterable[str]) -> None:
        """Take in many keys; `sort` comes before the first question."""
        for key in keys:
            number = hash(key) & _BITS
            self._shelves[number % _SHELVES].append(number)

    def sort(self) -> None:
        """Put everything in order."""
        for index, shelf in enumerate(self._shelves):
            self._shelves[index] = array("Q", sorted(shelf))

    def note(self, key: str) -> None:
        """Take in one more key, after `sort`."""
        self._new.add(hash(key) & _BITS)

    def __contains__(self, key: str) -> bool:
        number = hash(key) & _BITS
        shelf = self._shelves[number % _SHELVES]
        at = bisect_left(shelf, number)
        return (at < len(shelf) and shelf[at] == number) or number in self._new
