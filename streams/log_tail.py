"""How far a rebuild of the state has read each partition of `tickets.changes`."""

from collections.abc import AsyncIterator, Iterable

from domain.topics import CHANGES
from infra.log_reader import LogReader
from streams.state_shadow import StateShadow

_CHUNK = 1000


class LogTail:
    """Folds the log into a shadow, from its first record on."""

    def __init__(self, reader: LogReader, shadow: StateShadow, partitions: Iterable[int]) -> None:
        self._reader = reader
        self._shadow = shadow
        self._positions = dict.fromkeys(partitions, 0)

    async def ends(self) -> dict[int, int]:
        """Where each partition ends now."""
        bounds = await self._reader.bounds(CHANGES, list(self._positions))
        return {partition: end for partition, (_, end) in bounds.items()}

    async def absorb(self, partition: int, end: int) -> AsyncIterator[int]:
        """Fold up to `end`; yield after each piece how many offsets it took."""
        while (position := self._positions[partition]) < end:
            records, onward = await self._reader.read(
                CHANGES, partition, position, end, limit=_CHUNK
            )
            await self._shadow.absorb(partition, records)
            self._positions[partition] = onward
            yield onward - position

    async def catch_up(self, partition: int) -> None:
        """Fold what the partition holds by now."""
        bounds = await self._reader.bounds(CHANGES, [partition])
        async for _ in self.absorb(partition, bounds[partition][1]):
            pass
