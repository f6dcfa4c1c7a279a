"""Documents as the projections write them, for tests that read them through the API."""

import uuid
from datetime import UTC, datetime
from typing import Any

from domain.roll_up_deltas import Delta
from domain.roll_up_documents import delta_document
from domain.roll_ups import Standing
from infra import collections
from infra.leases import NEVER
from infra.mongo import Document, Mongo

NOON = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)


def ticket(external_id: str, *, tenant_id: str = "acme", **fields: Any) -> Document:
    """A live ticket of `tickets`."""
    return {
        "_id": f"{tenant_id}:{external_id}",
        "tenant_id": tenant_id,
        "external_id": external_id,
        "source": "email",
        "customer_id": "C-1",
        "subject": "Charged twice",
        "message": "I was charged twice.",
        "status": "open",
        "created_at": NOON,
        "updated_at": NOON,
        "deleted_at": None,
        "urgency": "low",
        "sentiment": "neutral",
        "requires_action": False,
        "classification": {
            "matched": [{"rule": "money", "text": "charged twice"}],
            "ruleset_version": 1,
        },
        "version": 1,
        "changed_at": NOON,
        **fields,
    }


def alert(alert_id: str, *, tenant_id: str = "acme", **fields: Any) -> Document:
    """An alert that waits, as a notifier records it."""
    return {
        "_id": alert_id,
        "tenant_id": tenant_id,
        "ticket_id": "T-1",
        "version": 1,
        "action": "created",
        "urgency": "high",
        "reason": "created with urgency high (outage: “is down”)",
        "due_at": NOON,
        "suppressed": None,
        "state": "pending",
        "calls": 0,
        "begun": False,
        "turn_at": NOON,
        "next_at": NEVER,
        "error": None,
        "ended_at": None,
        **fields,
    }


def change(ticket_id: str, version: int, *, tenant_id: str = "acme", **fields: Any) -> Document:
    """A change of `ticket_history`."""
    return {
        "_id": f"{tenant_id}:{ticket_id}:{version}",
        "tenant_id": tenant_id,
        "ticket_id": ticket_id,
        "version": version,
        "action": "created" if version == 1 else "updated",
        "changes": [{"field": "status", "old": "open", "new": "pending"}],
        "occurred_at": NOON,
        "observed_at": NOON,
        "job_id": None,
        "cause": "upstream",
        "detected_by": "observation",
        **fields,
    }


def run_audit(job_id: str, *, tenant_id: str = "acme", **fields: Any) -> Document:
    """An audit of `ingestion_logs`."""
    counted = ("pages", "fetched", "new_ingested", "updated", "unchanged", "stale", "deleted")
    others = ("restored", "rejected", "foreign", "duplicates")
    return {
        "_id": job_id,
        "job_id": job_id,
        "tenant_id": tenant_id,
        "parent_id": None,
        "status": "SUCCESS",
        "started_at": NOON,
        "ended_at": NOON,
        **dict.fromkeys((*counted, *others), 0),
        "errors": [],
        **fields,
    }


async def store(mongo: Mongo, *tickets: Document) -> None:
    """Write tickets, and what they come to."""
    await mongo[collections.TICKETS].insert_many(list(tickets))
    deltas = {t["tenant_id"]: Delta(t["tenant_id"], 0, uuid.uuid4().hex) for t in tickets}
    for ticket in tickets:
        if ticket["deleted_at"] is None:
            standing = Standing(*(ticket[name] for name in Standing._fields))
            deltas[ticket["tenant_id"]].move(None, standing)
    await mongo[collections.ROLL_UPS].insert_many(map(delta_document, deltas.values()))
