"""A step: what a stage of the pipeline does with a batch of records."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Protocol

from infra.checkpoints import Checkpoint
from infra.kafka import Record


class Step(Protocol):
    """What a stage does with records that continue its checkpoints."""

    async def open(self, partitions: Iterable[int]) -> dict[int, Checkpoint]:
        """Finish what a predecessor left on these partitions; return their checkpoints."""

    async def advance(
        self, slices: Mapping[int, Sequence[Record]], checkpoints: Mapping[int, Checkpoint]
    ) -> dict[int, Checkpoint]:
        """Process each partition's records and move its checkpoint behind them.

        Raises:
            FenceError: somebody else moved a checkpoint; nothing was written.
        """

    async def taken(self, checkpoints: Mapping[int, Checkpoint]) -> Collection[int]:
        """Of these partitions, which were opened, those that somebody else has opened since."""
