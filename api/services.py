"""What the process holds from its start to its end: one MongoDB client, one producer, probes."""

import asyncio
from functools import partial
from typing import Final

import httpx
import structlog
from pymongo.errors import PyMongoError

from api.runs import RunQueries
from api.scope import Deployment, TenantScope
from api.wakeups import WakeUps
from domain.errors import CircuitNotFoundError, DependencyDownError
from infra.alert_backlog import retry_alert
from infra.backoff import Backoff
from infra.circuits import Circuit, circuits_of
from infra.collections import ensure_collections
from infra.jobs import jobs_of
from infra.log_reader import LogReader
from infra.mongo import Document, Mongo
from infra.probes import (
    HaltedPartition,
    Probes,
    halted_partitions,
    ping_helpdesk,
    ping_kafka,
    ping_mongodb,
)
from infra.publisher import Publisher
from infra.reaper import Reaper
from infra.run_requests import RunRequests
from infra.settings import Settings
from infra.vital_signs import VitalSigns

log = structlog.get_logger()

_PROBE_SECONDS: Final = 1.5


class Services:
    """The connections of the API; none of them is needed to start."""

    def __init__(self, settings: Settings) -> None:
        self.mongo = Mongo(settings)
        self.jobs = jobs_of(self.mongo, settings)
        self.deployment = Deployment(self.mongo)
        self.requests = RunRequests(self.mongo, self.jobs)
        self.runs = RunQueries(self.jobs, self.deployment)
        self.wake_ups = WakeUps(Publisher(settings), settings.kafka_partitions)
        self._circuits = circuits_of(self.mongo, settings)
        self.vital_signs = VitalSigns(
            self.mongo, LogReader(settings), self._circuits, partial(ping_kafka, settings)
        )
        self._http = httpx.AsyncClient(timeout=_PROBE_SECONDS, trust_env=False)
        self.health = Probes(
            {
                "mongodb": partial(ping_mongodb, self.mongo),
                "kafka": partial(ping_kafka, settings),
                "helpdesk": partial(ping_helpdesk, self._http, settings),
            },
            within=_PROBE_SECONDS,
        )
        self._preparation = asyncio.create_task(self._prepare())
        self._reaping = asyncio.create_task(Reaper(self.mongo, self.jobs).run())

    def scope(self, tenant_id: str) -> TenantScope:
        """What this tenant may see."""
        return TenantScope(self.mongo, tenant_id)

    def circuit(self, name: str) -> Circuit:
        """The circuit breaker of this name.

        Raises:
            CircuitNotFoundError: there is none.
        """
        if (circuit := self._circuits.get(name)) is None:
            raise CircuitNotFoundError(name)
        return circuit

    async def retry_alert(self, alert_id: str, tenant_id: str | None) -> Document:
        """Have an alert sent as soon as may be.

        Raises:
            AlertNotFoundError: there is none, or not of this tenant.
            AlertDeliveredError: the receiver has it.
        """
        return await retry_alert(self.mongo, alert_id, tenant_id)

    async def halted(self) -> list[HaltedPartition]:
        """The partitions that stand still, asked for a bounded time.

        Raises:
            DependencyDownError: MongoDB does not answer.
        """
        try:
            async with asyncio.timeout(_PROBE_SECONDS):
                return await halted_partitions(self.mongo)
        except TimeoutError:
            raise DependencyDownError("MongoDB") from None

    async def close(self) -> None:
        """Close every connection."""
        for task in (self._preparation, self._reaping):
            task.cancel()
        await asyncio.wait([self._preparation, self._reaping])
        await self.vital_signs.close()
        await self.wake_ups.close()
        await self.health.close()
        await self._http.aclose()
        self.mongo.close()

    async def _prepare(self) -> None:
        """Make the collections as soon as MongoDB can be reached."""
        backoff = Backoff()
        while True:
            try:
                await ensure_collections(self.mongo)
            except PyMongoError as error:
                log.warning("collections_delayed", reason=repr(error))
                await backoff.sleep()
            else:
                return
