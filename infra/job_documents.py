"""The document of a run: as it begins, and the query for the one that is on."""

import uuid
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from domain.records import RunOutcome
from infra.mongo import Document

OPEN: Final = ("queued", "fetching")  # the phases in which a run can still be ended
# What a request says of a run; also of those that it fetches for.
REQUESTED: Final = ("confirm_deletions", "request_id", "traceparent")
IS_OPEN: Final[Document] = {"phase": {"$in": list(OPEN)}}


def new_job(
    tenant_id: str, parent_id: str | None, wanted: Mapping[str, Any], partitions: int
) -> Document:
    """A queued job of its own, or one that a `*` crawl, its parent, fetches for."""
    job_id = str(uuid.uuid4())
    return {
        **_unstarted(),
        "_id": job_id,
        "crawl_id": parent_id or job_id,
        "tenant_id": tenant_id,
        "parent_id": parent_id,
        "requested_at": datetime.now(UTC),
        "sent": [0] * partitions,
        **wanted,
    }


def with_defaults(job: Document) -> Document:
    """A job's document with every field that an earlier release may not have written."""
    return _unstarted() | job


def open_job_of(tenant_id: str) -> Document:
    """The query for the tenant's job that is not settled; there is at most one."""
    return {"tenant_id": tenant_id, **IS_OPEN}


def settled_fields(outcome: RunOutcome, errors: Iterable[str]) -> Document:
    """What settles a job, as expressions of MongoDB.

    A success is a partial one where the crawl noted a reservation on the job.
    """
    with_reservations: Document = {
        "$cond": [{"$eq": ["$partial", True]}, "PARTIAL_SUCCESS", "SUCCESS"]
    }
    return {
        "phase": "applying",
        "outcome": with_reservations if outcome == "SUCCESS" else outcome,
        "errors": {"$concatArrays": ["$errors", {"$literal": list(errors)}]},
    }


def _unstarted() -> Document:
    return {
        "phase": "queued",
        "outcome": None,
        "started_at": None,
        "ended_at": None,
        "worker": None,
        "token": 0,
        "resumes": 0,
        "next_page": 1,
        "sequence": 0,
        "pages_done": 0,
        "pages_total": None,
        "total_count": None,
        "sweep": 1,
        "steps_back": 0,
        "found": 0,
        "reconciled": False,
        "confirm_deletions": False,
        "complete": False,
        "previous_complete": None,
        "fetch_percent": 0,
        "fetched": 0,
        "foreign": 0,
        "rejected": 0,
        "tally": None,
        "errors": [],
        "jobs": {},
        "skipped": [],
        "request_id": None,
        "traceparent": None,
    }
