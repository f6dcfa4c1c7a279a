"""Redriving: dead letters sent to `tickets.raw` again, batch by batch, and noted as sent."""

from collections.abc import AsyncIterator, Sequence
from typing import Final

from domain.dead_letters import Letter
from domain.topics import RAW
from infra import crash_points
from infra.kafka import Outgoing
from infra.letters import Letters, Selection
from infra.publisher import Publisher
from streams.redrive_plan import Planned, RedrivePlan

_BATCH_LETTERS: Final = 100
_BATCH_BYTES: Final = 256 * 1024  # with the last letter still one batch of the producer


class Redrive:
    """Letters in their order: planned, and sent by those who want it.

    Whoever dies between sending and noting sends again: the same (source, id) changes nothing.
    """

    def __init__(self, letters: Letters, plan: RedrivePlan, publisher: Publisher) -> None:
        self._letters = letters
        self._plan = plan
        self._publisher = publisher

    async def planned(self, selection: Selection) -> AsyncIterator[list[Planned]]:
        """What a redrive would make of each letter, batch by batch."""
        async for letters in _batches(self._letters.in_order(selection)):
            yield await self._plan.plan(letters)

    async def redriven(self, selection: Selection) -> AsyncIterator[list[Planned]]:
        """The same, each batch sent, acknowledged and noted before it is told."""
        async for planned in self.planned(selection):
            await self._send(planned)
            yield planned

    async def _send(self, planned: Sequence[Planned]) -> None:
        records: dict[int, list[Outgoing]] = {}
        places = []
        for one in planned:
            if one.record is not None:
                some = records.setdefault(one.partition, [])
                places.append((one, len(some)))
                some.append(one.record)
        ends = await self._publisher.publish(RAW, records)
        crash_points.reached("letters_resent")
        for one, index in places:
            offset = ends[one.partition] - len(records[one.partition]) + index
            position = f"{RAW}/{one.partition}/{offset}"
            await self._letters.note_redriven(one.letter.id, position, one.outcome)
        crash_points.reached("letters_noted")


async def _batches(letters: AsyncIterator[Letter]) -> AsyncIterator[list[Letter]]:
    batch: list[Letter] = []
    size = 0
    async for letter in letters:
        batch.append(letter)
        size += len(letter.value) + sum(len(n) + len(v) for n, v in letter.headers)
        if len(batch) == _BATCH_LETTERS or size >= _BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
