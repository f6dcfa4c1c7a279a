"""Partitions that somebody else took, left alone for a while."""

from collections.abc import Iterable
from time import monotonic
from typing import Final

# Longer than Kafka needs to tell a consumer, with its next heartbeat, that a partition is no
# longer its own.
_SECONDS: Final = 3.0


class Withdrawal:
    """Which partitions a stage leaves to whoever took them.

    After a rebalance, or when a process that stood still goes on, two stages may take a partition
    for their own, and opening one ends the other's transaction: two were seen to do so to each
    other for 20 s.  Whoever comes last has it, and the other waits.  By the end of that Kafka has
    told one of them; if it was the one who took it, the other finds it still its own.
    """

    def __init__(self) -> None:
        self._until: dict[int, float] = {}

    def begin(self, partitions: Iterable[int]) -> None:
        """Leave partitions to others."""
        self._until |= dict.fromkeys(partitions, monotonic() + _SECONDS)

    def end(self, partitions: Iterable[int]) -> None:
        """Forget that partitions were left: somebody who knows gave them to us."""
        for partition in partitions:
            self._until.pop(partition, None)

    def concerns(self, partition: int) -> bool:
        """True while others have it."""
        return self._until.get(partition, 0.0) > monotonic()

    def ended(self, partitions: Iterable[int]) -> list[int]:
        """Those that were left long enough; they are forgotten."""
        over = [p for p in partitions if p in self._until and not self.concerns(p)]
        self.end(over)
        return over
