"""Ingestion as its users see it: real processes and a helpdesk of their own, over HTTP."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
from pydantic import SecretStr

from dev.engines import Engines
from dev.helpdesk.generator import Ticket
from dev.helpdesk.helpdesk import HelpdeskSettings
from dev.helpdesk.records import RequestRecord
from dev.helpdesk.server import HelpdeskServer
from dev.ports import free_port
from domain.runs import ENDED
from infra import collections
from infra.leases import NEVER
from infra.settings import Settings
from tests.faults.deployment import Deployment, Process
from tests.faults.scenario import scenario
from tests.integration.pipeline import Pipeline, eventually

T = TypeVar("T")

SETTLED = (
    "new_ingested", "updated", "restored", "unchanged", "stale", "rejected", "foreign",
    "duplicates",
)  # fmt: skip
PAGES = "/external/support-tickets"
TENANTS = ("lumenfold", "harbortide", "quillbarn")


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How many of what a deployment has; the helpdesk's limit is ours, too."""

    workers: int = 1
    apis: int = 1
    tickets: int = 600
    tenants: tuple[str, ...] = TENANTS
    limit: int = 0
    period: float = 60.0
    lease_seconds: float = 3.0
    helpdesk_timeout: float = 2.0
    traces_to: str | None = None  # a collector


class Desk:
    """A running deployment and its helpdesk; every question goes through an API process."""

    def __init__(
        self, helpdesk: HelpdeskServer, deployment: Deployment, pipeline: Pipeline
    ) -> None:
        self.helpdesk = helpdesk
        self.deployment = deployment
        self.pipeline = pipeline
        self.mongo = pipeline.mongo
        self.workers: list[Process] = []
        self.apis: list[httpx.AsyncClient] = []

    def start_worker(self, **options: str) -> Process:
        """Start one more worker; `started` tells when it works."""
        worker = self.deployment.start("worker", **options)
        self.workers.append(worker)
        return worker

    async def start_run(self, tenant_id: str, *, api: int = 0, **params: Any) -> httpx.Response:
        """POST /ingest/run through one of the API processes."""
        wanted = {"tenant_id": tenant_id, **params}
        return await self.apis[api].post("/ingest/run", params=wanted)

    async def begin(self, tenant_id: str, *, pages: int = 0, api: int = 0) -> str:
        """Start a run that must be accepted; return its id once it has read so many pages."""
        answer = await self.start_run(tenant_id, api=api)
        assert answer.status_code == 202, answer.text
        job_id = str(answer.json()["job_id"])
        await eventually(lambda: self.progress(job_id), lambda job: job["pages_done"] >= pages)
        return job_id

    async def ingest(self, tenant_id: str, **params: Any) -> dict[str, Any]:
        """A whole run: its audit, however it ended."""
        answer = await self.start_run(tenant_id, **params)
        assert answer.status_code == 202, answer.text
        await self.ended(answer.json()["job_id"])
        return await self.audit(answer.json()["job_id"])

    async def cancel(self, job_id: str, *, api: int = 0, **params: Any) -> httpx.Response:
        """DELETE /ingest/{job_id} through one of the API processes."""
        return await self.apis[api].delete(f"/ingest/{job_id}", params=params)

    async def forgive(self) -> None:
        """Let the helpdesk be called at once, whatever wait it asked of everybody."""
        holds = self.mongo[collections.LIMITERS]
        await holds.update_many({}, {"$set": {"held_until": NEVER}})

    async def progress(self, job_id: str) -> dict[str, Any]:
        """How far a run has got."""
        return await self._get(f"/ingest/progress/{job_id}")

    async def ended(self, job_id: str, patience: float = 40.0) -> dict[str, Any]:
        """A run's progress once it has ended."""
        job: dict[str, Any] = await eventually(
            lambda: self.progress(job_id), lambda job: job["phase"] in ENDED, patience
        )
        return job

    async def audits(self, tenant_id: str) -> list[dict[str, Any]]:
        """The audits of a tenant's last 1,000 runs, newest first."""
        logs = await self._get("/ingest/logs", tenant_id=tenant_id, limit=1000)
        return list(logs["logs"])

    async def audit(self, job_id: str) -> dict[str, Any]:
        """The only audit of a run, once it is there."""
        tenant_id = (await self.progress(job_id))["tenant_id"]

        async def mine() -> list[dict[str, Any]]:
            return [log for log in await self.audits(tenant_id) if log["job_id"] == job_id]

        (found,) = await eventually(mine, bool)
        return dict(found)

    async def is_locked(self, tenant_id: str) -> bool:
        """True while a run holds the tenant."""
        return bool((await self._get(f"/ingest/lock/{tenant_id}"))["locked"])

    async def ticket(self, tenant_id: str, ticket_id: str, **params: Any) -> dict[str, Any] | None:
        """A ticket, None for 404."""
        wanted = {"tenant_id": tenant_id, **params}
        answer = await self.apis[0].get(f"/tickets/{ticket_id}", params=wanted)
        assert answer.status_code in (200, 404), answer.text
        return dict(answer.json()) if answer.status_code == 200 else None

    async def tickets(self, tenant_id: str) -> dict[str, dict[str, Any]]:
        """Every live ticket of a tenant, by id."""
        pages = self._pages("/tickets", "tickets", tenant_id)
        return {ticket["external_id"]: ticket async for ticket in pages}

    async def history(self, tenant_id: str, ticket_id: str) -> list[dict[str, Any]]:
        """Every change of a ticket, oldest first; nothing for an unknown one."""
        answer = await self.apis[0].get(
            f"/tickets/{ticket_id}/history", params={"tenant_id": tenant_id, "limit": 1000}
        )
        assert answer.status_code in (200, 404), answer.text
        return list(answer.json()["history"]) if answer.status_code == 200 else []

    def calls(self, path_prefix: str = "/external") -> list[RequestRecord]:
        """What the helpdesk was asked, in order of arrival."""
        return self.helpdesk.requests(path_prefix)

    def pages_read(self) -> list[int]:
        """The pages that the helpdesk was asked for, in order of arrival."""
        queries = (httpx.QueryParams(call.query) for call in self.calls(PAGES))
        return [int(query["page"]) for query in queries if "page" in query]

    async def _get(self, path: str, **params: Any) -> dict[str, Any]:
        answer = await self.apis[0].get(path, params=params)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def _pages(self, path: str, rows: str, tenant_id: str) -> AsyncIterator[dict[str, Any]]:
        following: dict[str, Any] = {}
        while True:
            page = await self._get(path, tenant_id=tenant_id, limit=1000, **following)
            for row in page[rows]:
                yield row
            if page["next_cursor"] is None:
                return
            following = {"cursor": page["next_cursor"]}


@asynccontextmanager
async def running_desk(engines: Engines, directory: Path, layout: Layout) -> AsyncIterator[Desk]:
    """A fresh deployment, all of it working; a failure within shows what its processes logged."""
    helpdesk_settings = HelpdeskSettings(
        tickets=layout.tickets, tenants=layout.tenants, limit=layout.limit, period=layout.period
    )
    async with AsyncExitStack() as stack:
        helpdesk = stack.enter_context(HelpdeskServer(helpdesk_settings))
        running = await stack.enter_async_context(
            scenario(_settings(engines, helpdesk.url, layout), directory)
        )
        pipeline = await stack.enter_async_context(Pipeline(running.settings))
        desk = Desk(helpdesk, running.deployment, pipeline)
        try:
            await _start(desk, layout, stack)
            yield desk
        except Exception as error:
            error.add_note(desk.deployment.logs())
            raise


def reconciled(audit: dict[str, Any]) -> bool:
    """True if every row that was fetched has exactly one outcome."""
    return bool(audit["fetched"] == sum(audit[name] for name in SETTLED))


def ticket_row(tenant_id: str, ticket_id: str, **changes: Any) -> Ticket:
    """A ticket as a helpdesk shows it."""
    return {
        "id": ticket_id,
        "tenant_id": tenant_id,
        "source": "email",
        "customer_id": "C-1",
        "subject": "Where is my invoice?",
        "message": "Please send me the invoice of last month.",
        "status": "open",
        "created_at": "2026-11-20T10:00:00Z",
        "updated_at": "2026-11-20T10:00:00Z",
        **changes,
    }


async def started(processes: Iterable[Process]) -> None:
    """Wait until workers and projectors have said that they work."""
    for process in processes:
        await said(process, f"{process.name}_started".encode())


async def said(process: Process, words: bytes) -> None:
    """Wait until a process has logged these words."""
    await eventually(lambda: asyncio.to_thread(process.log.read_bytes), lambda log: words in log)


def _settings(engines: Engines, helpdesk_url: str, layout: Layout) -> Settings:
    name = uuid.uuid4().hex[:12]
    return Settings(
        _env_file=None,
        kafka_bootstrap_servers=engines.kafka.bootstrap,
        mongodb_uri=engines.mongod.uri,
        kafka_topic_prefix=f"i{name}.",
        kafka_partitions=4,
        mongodb_database=f"i{name}",
        helpdesk_url=helpdesk_url,
        helpdesk_rate_limit=layout.limit,
        helpdesk_rate_period=layout.period,
        helpdesk_timeout=layout.helpdesk_timeout,
        breaker_open_seconds=1.0,
        lease_seconds=layout.lease_seconds,
        otel_exporter_otlp_endpoint=layout.traces_to,
        otel_exporter_otlp_headers=SecretStr("x-team=night%20shift"),
    )


async def _start(desk: Desk, layout: Layout, stack: AsyncExitStack) -> None:
    for _ in range(layout.workers):
        desk.start_worker()
    projector = desk.deployment.start("projector")
    for _ in range(layout.apis):
        port = free_port()
        desk.deployment.start("api", API_PORT=str(port))
        client = httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", timeout=60.0, trust_env=False
        )
        desk.apis.append(await stack.enter_async_context(client))
    await asyncio.gather(
        started([*desk.workers, projector]), *(_ready(client) for client in desk.apis)
    )


async def _ready(api: httpx.AsyncClient) -> None:
    async def ask() -> int:
        try:
            return (await api.get("/readyz")).status_code
        except httpx.TransportError:
            return 0

    await eventually(ask, lambda status: status == 200)
