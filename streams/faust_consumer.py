"""Faust's consumer as we need it: committed records only, fairly shared, and an end to it."""

from typing import Any, Final

import structlog
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer, Transport
from mode.threads import WorkerThread

from infra.kafka import FETCH_WAIT_MS

log = structlog.get_logger()

_THREAD_SECONDS: Final = 1.0


class _EndingThread(WorkerThread):  # type: ignore[misc]
    """The thread of a consumer.

    Whoever stops it waits for it, and blocks the event loop: so it is given a moment, and then the
    loop that it runs is stopped under it.
    """

    def __init__(self, service: Any, **options: Any) -> None:  # noqa: ANN401 (untyped library)
        super().__init__(service, **options)
        self.daemon = True

    def run(self) -> None:
        try:
            super().run()
        except RuntimeError as error:  # what a loop that was stopped raises
            log.warning("consumer_abandoned", reason=str(error))

    def stop(self) -> None:
        if not self.is_stopped.wait(_THREAD_SECONDS):
            self.abandon()
            self.is_stopped.wait(_THREAD_SECONDS)

    def abandon(self) -> None:
        """End the thread wherever it is: what it waits for may never come (aiokafka issue 773)."""
        loop = self.service.thread_loop
        if loop.is_running():
            loop.call_soon_threadsafe(loop.stop)


class _CommittedThread(AIOKafkaConsumerThread):  # type: ignore[misc]
    """Reads committed records only, as Faust does not unless it writes transactions; and fairly."""

    Worker = _EndingThread

    def _create_worker_consumer(self, transport: Any) -> Any:  # noqa: ANN401 (untyped library)
        consumer = super()._create_worker_consumer(transport)
        consumer._isolation_level = "read_committed"
        consumer._fetch_max_wait_ms = FETCH_WAIT_MS
        return consumer

    async def _fetch_records(
        self,
        consumer: Any,  # noqa: ANN401 (untyped library)
        active_partitions: Any,  # noqa: ANN401
        timeout: float | None,
        max_records: int,
    ) -> dict[Any, list[Any]]:
        """A share of each partition that has something.

        aiokafka gives all that it has of one before it goes on to the next: behind a pile of
        `tickets.raw` those of `tickets.classified` would wait for seconds.
        """
        there = [place for place in consumer._fetcher._records if place in active_partitions]
        share = max(max_records // max(len(there), 1), 1)
        found: dict[Any, list[Any]] = {}
        for place in there:
            found |= await super()._fetch_records(consumer, {place}, 0.0, share)
        if found:
            return found
        waited: dict[Any, list[Any]] = await super()._fetch_records(
            consumer, active_partitions, timeout, max_records
        )
        return waited


class _CommittedConsumer(Consumer):  # type: ignore[misc]
    def _new_consumer_thread(self) -> AIOKafkaConsumerThread:
        return _CommittedThread(self, loop=self.loop, beacon=self.beacon)

    def abandon(self) -> None:
        """Wait no more: neither for records that no agent will acknowledge, nor for the thread."""
        self._unacked_messages.clear()
        if self._thread._thread is not None:
            self._thread._thread.abandon()


class CommittedTransport(Transport):  # type: ignore[misc]
    Consumer = _CommittedConsumer
