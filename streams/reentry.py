"""Records that enter `tickets.classified` once more, no faster than the sync agent takes them."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from domain.identity import partition_of
from domain.records import TicketRecord, encode_record
from domain.topics import CLASSIFIED
from infra.checkpoints import Checkpoints
from infra.kafka import Outgoing
from infra.mongo import Mongo
from infra.publisher import Publisher

_MOST_AHEAD: Final = 2000
_PAUSE_SECONDS: Final = 0.1


class Takes(Protocol):
    """Where records go that are sent again, or only looked at."""

    async def take(self, records: Sequence[TicketRecord]) -> None:
        """Return when all of `records` are taken care of."""


class Reentry:
    """Writes each record to the partition of its ticket, behind all that was sent before.

    At most about 2,000 of its records a partition wait for the sync agent, so that live ones,
    which queue behind them, wait for seconds at most.  Without a worker it waits for one.
    """

    def __init__(self, mongo: Mongo, publisher: Publisher, partitions: int) -> None:
        self._publisher = publisher
        self._partitions = partitions
        self._checkpoints = Checkpoints(mongo, "sync", CLASSIFIED)
        self._ends: dict[int, int] = {}

    async def take(self, records: Sequence[TicketRecord]) -> None:
        """Return when Kafka has the records, and the sync agent is not far behind them."""
        batch: dict[int, list[Outgoing]] = {}
        for record in records:
            key = record.key.encode()
            outgoing = Outgoing(key, encode_record(record))
            batch.setdefault(partition_of(key, self._partitions), []).append(outgoing)
        ends = await self._publisher.publish(CLASSIFIED, batch)
        self._ends |= ends
        await self._until_behind_by(_MOST_AHEAD, ends)

    async def taken(self) -> None:
        """Return when the sync agent has folded in all that was sent."""
        await self._until_behind_by(0, self._ends)

    async def _until_behind_by(self, most: int, ends: Mapping[int, int]) -> None:
        while await self._is_behind(most, ends):  # noqa: ASYNC110 (another process)
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _is_behind(self, most: int, ends: Mapping[int, int]) -> bool:
        known = await self._checkpoints.load(ends)
        return any(
            end - (known[p].next_offset if p in known else 0) > most for p, end in ends.items()
        )
