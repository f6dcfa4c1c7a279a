"""Noticing that a consumer was never given what its partition holds."""

from collections.abc import Iterable, Mapping
from time import monotonic
from typing import Final

from infra.checkpoints import Checkpoint
from infra.log_reader import LogReader

_SECONDS: Final = 5.0


class Silence:
    """When each partition was last heard of, and where nothing but control records is left."""

    def __init__(self, topic: str, reader: LogReader) -> None:
        self._topic = topic
        self._reader = reader
        self._heard: dict[int, float] = {}
        self._barren: dict[int, int] = {}

    def begin(self, partitions: Iterable[int]) -> None:
        """Start listening to partitions."""
        for partition in partitions:
            self._heard[partition] = monotonic()
            self._barren.pop(partition, None)

    def heard(self, partitions: Iterable[int]) -> None:
        """Note that these partitions were advanced just now."""
        self._heard |= dict.fromkeys(partitions, monotonic())

    async def undelivered(self, checkpoints: Mapping[int, Checkpoint]) -> list[int]:
        """Partitions silent for 5 s whose log goes on behind the checkpoint."""
        now = monotonic()
        silent = [p for p in checkpoints if now - self._heard.get(p, now) > _SECONDS]
        if not silent:
            return []
        bounds = await self._reader.bounds(self._topic, silent)
        ends = {p: end for p, (_, end) in bounds.items() if checkpoints[p].next_offset < end}
        ahead = [p for p, end in ends.items() if self._barren.get(p) != end]
        self._barren |= ends
        return ahead
