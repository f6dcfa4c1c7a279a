"""A log written by hand, and projected by the real steps: what a verification is tried on."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from domain.identity import partition_of
from domain.topics import CHANGES, RUN_EVENTS
from infra.jobs import jobs_of
from infra.kafka import Outgoing, Record
from infra.log_reader import LogReader
from infra.log_scan import LogScan
from infra.mongo import Mongo
from infra.publisher import Publisher
from infra.read_models import INGESTION_LOGS, TICKETS, ProjectionCheckpoints
from infra.settings import Settings
from infra.settlement import Settlement
from infra.stage import Stage
from infra.step import Step
from projections.differences import Report
from projections.ingestion_logs import IngestionLogsStep
from projections.subjects import live_subject
from projections.tickets import TicketsStep
from projections.verification import verify_live
from projections.verification_shares import shares, verify_in_processes
from projections.verification_task import Progress, Sources


def change(
    external_id: str, version: int, *, tenant: str = "acme", **ticket: Any
) -> dict[str, Any]:
    """A change event as it stands on `tickets.changes`; `ticket` changes fields of the ticket."""
    moment = f"2026-11-20T10:00:{version % 60:02}.250000Z"
    before, status = (("open", "closed"), ("closed", "open"))[version % 2]
    return {
        "kind": "change",
        "id": f"{tenant}:{external_id}:{version}",
        "type": "created" if version == 1 else "updated",
        "schema_version": 1,
        "tenant_id": tenant,
        "external_id": external_id,
        "version": version,
        "occurred_at": moment,
        "observed_at": moment,
        "cause": "upstream",
        "source": "crm",
        "source_event_id": f"e-{version}",
        "job_id": None,
        "detected_by": "observation",
        "changes": [] if version == 1 else [{"field": "status", "old": before, "new": status}],
        "ticket": {
            "source": "email",
            "customer_id": "c-1",
            "subject": "Cannot log in",
            "message": "The login page says invalid credentials.",
            "status": status,
            "created_at": "2026-11-20T09:00:00Z",
            "updated_at": moment,
            "deleted_at": None,
            "urgency": "high",
            "sentiment": "negative",
            "requires_action": True,
            "classification": {
                "matched": [{"rule": "login", "text": "invalid credentials"}],
                "ruleset_version": 1,
            },
            **ticket,
        },
    }


def lives(tickets: int, versions: int) -> list[dict[str, Any]]:
    """Every version of some tickets of two tenants, the first versions of all first."""
    return [
        change(f"T-{number}", version, tenant=("acme", "north")[number % 2])
        for version in range(1, versions + 1)
        for number in range(tickets)
    ]


def audit(job_id: str, **changes: Any) -> dict[str, Any]:
    """The audit of a run as it stands on `ingestion.events`."""
    counters = (
        *("pages", "fetched", "new_ingested", "updated", "unchanged", "stale", "deleted"),
        *("restored", "rejected", "foreign", "duplicates"),
    )
    return {
        **dict.fromkeys(counters, 0),
        "type": "run.ended",
        "job_id": job_id,
        "tenant_id": "acme",
        "parent_id": None,
        "status": "SUCCESS",
        "started_at": "2026-11-20T10:00:00Z",
        "ended_at": "2026-11-20T10:00:05.500000Z",
        "errors": ["page 3: HTTP 500"],
        **changes,
    }


class WrittenLog:
    """The log and the read models of one test."""

    def __init__(self, settings: Settings, mongo: Mongo) -> None:
        self.settings = settings
        self.mongo = mongo
        self.reader = LogReader(settings)
        self.scan = LogScan(settings)
        self.publisher = Publisher(settings)

    async def append(self, *events: dict[str, Any]) -> None:
        """Write change events, each to the partition of its ticket."""
        records: dict[int, list[Outgoing]] = {}
        for event in events:
            key = f"{event['tenant_id']}:{event['external_id']}".encode()
            partition = partition_of(key, self.settings.kafka_partitions)
            records.setdefault(partition, []).append(Outgoing(key, json.dumps(event).encode()))
        await self.publisher.publish(CHANGES, records)

    async def append_audits(self, *audits: dict[str, Any]) -> None:
        """Write the audits of runs."""
        records = [Outgoing(a["tenant_id"].encode(), json.dumps(a).encode()) for a in audits]
        await self.publisher.publish(RUN_EVENTS, {0: records})

    async def project(self) -> None:
        """Let the projectors' steps apply everything that is new."""
        count, jobs = self.settings.kafka_partitions, jobs_of(self.mongo, self.settings)
        tickets = ProjectionCheckpoints(self.mongo, TICKETS)
        logs = ProjectionCheckpoints(self.mongo, INGESTION_LOGS)
        settlement = Settlement(self.mongo, jobs)
        steps: list[tuple[str, Step, ProjectionCheckpoints]] = [
            (CHANGES, TicketsStep(self.mongo, tickets, self.publisher, settlement, count), tickets),
            (RUN_EVENTS, IngestionLogsStep(self.mongo, logs, self.publisher, count), logs),
        ]
        for topic, step, checkpoints in steps:
            stage = Stage(topic, step, checkpoints, self.reader)
            records = [record async for record in self._records(topic)]
            await stage.absorb(records)

    async def verify(self, tenant: str | None = None) -> Report:
        """Verify what readers see."""
        sources = Sources(self.mongo, self.reader, self.scan)
        return await verify_live(sources, tenant=tenant, watch=_unwatched)

    async def verify_in_processes(self, count: int, seen: list[Progress]) -> Report:
        """The same, shared by so many processes; `seen` gets what they tell."""
        sources = Sources(self.mongo, self.reader, self.scan)
        subject = await live_subject(self.mongo)
        parts = await shares(self.settings, sources, subject, tenant=None, count=count)
        assert len(parts) == count
        return await verify_in_processes(parts, seen.append)

    async def _records(self, topic: str) -> AsyncIterator[Record]:
        partitions = await self.reader.partitions(topic)
        for partition, (start, end) in (await self.reader.bounds(topic, partitions)).items():
            position = start
            while position < end:
                some, position = await self.reader.read(topic, partition, position, end)
                for record in some:
                    yield record


@asynccontextmanager
async def written_log(settings: Settings, mongo: Mongo) -> AsyncIterator[WrittenLog]:
    """A log whose clients are closed in the end."""
    log = WrittenLog(settings, mongo)
    try:
        yield log
    finally:
        await log.scan.stop()
        await log.reader.stop()
        await log.publisher.stop()


def _unwatched(progress: Progress) -> None:
    """Nobody watches."""
