"""A step of a stage, measured and traced: records, seconds and failures of its batches."""

import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from aiokafka.errors import KafkaError
from pymongo.errors import PyMongoError

from domain.errors import DeskstreamError, FenceError
from infra.checkpoints import Checkpoint
from infra.kafka import Record
from infra.process_metrics import BATCH_FAILURES, BATCHES, RECORDS
from infra.step import Step
from infra.tracing import batch_span


class MeasuredStep:
    """Does what `step` does, and tells of it under the name of a consumer, once per batch."""

    def __init__(self, consumer: str, step: Step) -> None:
        self._consumer = consumer
        self._step = step

    async def open(self, partitions: Iterable[int]) -> dict[int, Checkpoint]:
        """As the step does."""
        with self._failures():
            return await self._step.open(partitions)

    async def taken(self, checkpoints: Mapping[int, Checkpoint]) -> Collection[int]:
        """As the step does."""
        return await self._step.taken(checkpoints)

    async def advance(
        self, slices: Mapping[int, Sequence[Record]], checkpoints: Mapping[int, Checkpoint]
    ) -> dict[int, Checkpoint]:
        """As the step does."""
        begun = time.monotonic()
        with self._failures(), batch_span(self._consumer, slices):
            after = await self._step.advance(slices, checkpoints)
        BATCHES.labels(self._consumer).observe(time.monotonic() - begun)
        RECORDS.labels(self._consumer).inc(sum(map(len, slices.values())))
        return after

    @contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except (DeskstreamError, KafkaError, PyMongoError) as error:
            BATCH_FAILURES.labels(self._consumer, _reason(error)).inc()
            raise


def _reason(error: Exception) -> str:
    match error:
        case FenceError():
            return "fence"
        case KafkaError():
            return "kafka"
        case PyMongoError():
            return "mongodb"
        case _:
            return "records"
