"""The projector of `dead_letters`: one document per record that nothing could process."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from domain.dead_letters import Letter, read_letter
from infra import crash_points
from infra.checkpoints import Checkpoint, Checkpoints, after, moves_behind
from infra.erased_letters import without_erased
from infra.kafka import Record
from infra.letters import store_letters
from infra.mongo import Mongo, transaction
from infra.owners import Owners

_BATCH_BYTES: Final = 8 * 1024 * 1024  # a letter has up to one mebibyte and a bit


class DeadLettersStep:
    """Inserts what is new; a letter that was sent twice is there once, seen first and last."""

    def __init__(self, mongo: Mongo, checkpoints: Checkpoints) -> None:
        self._mongo = mongo
        self._checkpoints = checkpoints
        self._owners = Owners(mongo)

    async def open(self, partitions: Iterable[int]) -> dict[int, Checkpoint]:
        """The checkpoints, with a predecessor's open transaction ended."""
        return await self._owners.open(self._checkpoints, partitions)

    async def taken(self, checkpoints: Mapping[int, Checkpoint]) -> set[int]:
        """Those that another session owns."""
        return await self._owners.taken(checkpoints)

    async def advance(
        self, slices: Mapping[int, Sequence[Record]], checkpoints: Mapping[int, Checkpoint]
    ) -> dict[int, Checkpoint]:
        """Store as many letters as one transaction should hold; the stage brings the others."""
        taken = _head(slices)
        letters = [read_record(record) for records in taken.values() for record in records]
        moves = moves_behind(taken, checkpoints)
        async with transaction(await self._owners.session()) as session:
            kept = await without_erased(self._mongo, letters, session)
            await store_letters(self._mongo, kept, session)
            crash_points.reached("letters_written")
            await self._checkpoints.advance(moves, session)
        crash_points.reached("letters_committed")
        return after(moves)


def read_record(record: Record) -> Letter:
    """The letter that a record of `tickets.dead-letters` is."""
    stood = f"{record.partition}/{record.offset}"
    return read_letter(stood, record.key, record.value or b"", record.headers, record.timestamp)


def _head(slices: Mapping[int, Sequence[Record]]) -> dict[int, list[Record]]:
    """The first records of each partition, of about 8 MiB together, and one at least."""
    taken: dict[int, list[Record]] = {}
    size = 0
    for partition, records in slices.items():
        for record in records:
            if size >= _BATCH_BYTES:
                return taken
            size += len(record.value or b"") + len(record.key or b"")
            taken.setdefault(partition, []).append(record)
    return taken
