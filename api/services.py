"""What the process holds from its start to its end: one MongoDB client, one producer, probes."""

import asyncio
from functools import partial
from typing import Final

import httpx
import structlog
from pymongo.errors import PyMongoError

from api.key_ring import KeyRing
from api.run_scope import RunScope
from api.scope import Deployment, TenantScope
from api.wakeups import WakeUps
from domain.access import Caller, GrantedTenant
from domain.errors import CircuitNotFoundError, DependencyDownError
from infra.alert_backlog import retry_alert
from infra.api_keys import ApiKeys
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

    def __init__(self, settings: Settings, *, is_local: bool) -> None:
        self._mongo = Mongo(settings)
        self._jobs = jobs_of(self._mongo, settings)
        self._deployment = Deployment(self._mongo)
        self._requests = RunRequests(self._mongo, self._jobs)
        self.key_ring = KeyRing(ApiKeys(self._mongo), is_local=is_local)
        self.wake_ups = WakeUps(Publisher(settings), settings.kafka_partitions)
        self._circuits = circuits_of(self._mongo, settings)
        self.vital_signs = VitalSigns(
            self._mongo, LogReader(settings), self._circuits, partial(ping_kafka, settings)
        )
        self._http = httpx.AsyncClient(timeout=_PROBE_SECONDS, trust_env=False)
        self.health = Probes(
            {
                "mongodb": partial(ping_mongodb, self._mongo),
                "kafka": partial(ping_kafka, settings),
                "helpdesk": partial(ping_helpdesk, self._http, settings),
            },
            within=_PROBE_SECONDS,
        )
        work = (self._prepare(), Reaper(self._mongo, self._jobs).run(), self.key_ring.watch())
        self._tasks = [asyncio.create_task(each) for each in work]

    def scope(self, granted: GrantedTenant) -> TenantScope:
        """What this tenant may see."""
        return TenantScope(self._mongo, granted)

    def runs(self, caller: Caller) -> RunScope:
        """The runs that this caller may see and change."""
        return RunScope(caller, self._jobs, self._requests, self._deployment)

    async def tenants(self, caller: Caller) -> list[str]:
        """The tenants that this caller may see: its own, or every one that is known."""
        return await self._deployment.known_tenants() if caller.is_of_all else [caller.tenant_id]

    def circuit(self, name: str) -> Circuit:
        """The circuit breaker of this name.

        Raises:
            CircuitNotFoundError: there is none.
        """
        if (circuit := self._circuits.get(name)) is None:
            raise CircuitNotFoundError(name)
        return circuit

    async def retry_alert(self, caller: Caller, alert_id: str, tenant_id: str | None) -> Document:
        """Have an alert sent as soon as may be: one of `tenant_id`, if given, and the caller's.

        Raises:
            TenantHiddenError: the caller does not see the tenant.
            AlertNotFoundError: there is no such alert.
            AlertDeliveredError: the receiver has it.
        """
        if tenant_id is None and not caller.is_of_all:
            tenant_id = caller.tenant_id
        of = None if tenant_id is None else caller.grant(tenant_id).tenant_id
        return await retry_alert(self._mongo, alert_id, of)

    async def halted(self) -> list[HaltedPartition]:
        """The partitions that stand still, asked for a bounded time.

        Raises:
            DependencyDownError: MongoDB does not answer.
        """
        try:
            async with asyncio.timeout(_PROBE_SECONDS):
                return await halted_partitions(self._mongo)
        except TimeoutError:
            raise DependencyDownError("MongoDB") from None

    async def close(self) -> None:
        """Close every connection."""
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)
        await self.vital_signs.close()
        await self.key_ring.close()
        await self.wake_ups.close()
        await self.health.close()
        await self._http.aclose()
        self._mongo.close()

    async def _prepare(self) -> None:
        """Make the collections as soon as MongoDB can be reached."""
        backoff = Backoff()
        while True:
            try:
                await ensure_collections(self._mongo)
            except PyMongoError as error:
                log.warning("collections_delayed", reason=repr(error))
                await backoff.sleep()
            else:
                return
