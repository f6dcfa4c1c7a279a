"""The collections and their indexes, made before the first transaction."""

import asyncio
from typing import Final

from pymongo import ASCENDING, DESCENDING, IndexModel, ReturnDocument

from domain import read_models
from domain.roll_up_documents import DELTA
from infra.indexes import drop_index, make_indexes
from infra.mongo import Mongo
from infra.ticket_indexes import RETIRED_TICKET_INDEXES, TICKET_INDEXES

TICKETS: Final = read_models.TICKETS
TICKET_HISTORY: Final = read_models.TICKET_HISTORY
INGESTION_LOGS: Final = read_models.INGESTION_LOGS
ROLL_UPS: Final = read_models.ROLL_UPS
READ_MODELS: Final = "read_models"
PARKED: Final = "parked"
DIGESTS: Final = "digests"
REBUILDS: Final = "rebuilds"
DEAD_LETTERS: Final = "dead_letters"

TICKET_STATE: Final = "ticket_state"
CHANGE_OUTBOX: Final = "change_outbox"
RUN_TALLIES: Final = "run_tallies"
RUN_SETTLED: Final = "run_settled"
CHECKPOINTS: Final = "checkpoints"
CHECKPOINT_OWNERS: Final = "checkpoint_owners"
JOBS: Final = "jobs"
LEASES: Final = "leases"
CRAWL_OUTBOX: Final = "crawl_outbox"
CRAWL_SIGHTINGS: Final = "crawl_sightings"
ABSENCES: Final = "absences"
RUN_OUTBOX: Final = "run_outbox"
IDEMPOTENCY_KEYS: Final = "idempotency_keys"
LIMITERS: Final = "limiters"
CIRCUITS: Final = "circuits"
TOPIC_RECORDS: Final = "topic_records"
ALERTS: Final = "alerts"
NOTIFIERS: Final = "notifiers"
ERASURES: Final = "erasures"
LOG_REWRITES: Final = "log_rewrites"
API_KEYS: Final = "api_keys"
API_KEY_REVISIONS: Final = "api_key_revisions"

# The order in which dead letters are sent again: ticket by ticket, as the records arrived.
LETTER_ORDER: Final = "order"
LETTER_FIELDS: Final = ("tenant_id", "external_id", "arrived_at", "topic", "partition", "offset")

_SIGHTINGS_KEPT_SECONDS: Final = 7 * 86_400


def _index(*keys: tuple[str, int], name: str, **options: object) -> IndexModel:
    return IndexModel(list(keys), name=name, **options)


def _by(*fields: str) -> list[tuple[str, int]]:
    return [(field, ASCENDING) for field in fields]


_TENANT = ("tenant_id", ASCENDING)
_WAITING: Final = {"state": "pending"}
# Asking for the index that every collection has makes one, also when two processes do it at once.
_PRIMARY = IndexModel([("_id", ASCENDING)], name="_id_")

INDEXES: Final[dict[str, list[IndexModel]]] = {
    TICKETS: TICKET_INDEXES,
    TICKET_HISTORY: [
        _index(*_by("tenant_id", "ticket_id", "version"), name="ticket", unique=True),
    ],
    INGESTION_LOGS: [
        _index(_TENANT, ("started_at", DESCENDING), ("_id", DESCENDING), name="newest"),
    ],
    ROLL_UPS: [
        _index(*_by("tenant_id", "kind", "at"), name="bucket"),
        _index(
            *_by("kind", "tenant_id", "weight"),
            name="outstanding",
            partialFilterExpression={"kind": DELTA},
        ),
    ],
    PARKED: [_index(*_by("key"), name="key")],
    DEAD_LETTERS: [
        _index(*_by("tenant_id", "state"), ("first_seen", DESCENDING), name="newest"),
        _index(*_by(*LETTER_FIELDS, "state"), name=LETTER_ORDER),
    ],
    CHANGE_OUTBOX: [_index(*_by("partition", "sequence"), name="order", unique=True)],
    RUN_TALLIES: [_index(*_by("job_id"), name="job")],
    RUN_SETTLED: [_index(*_by("job_id"), name="job")],
    JOBS: [
        _index(*_by("phase", "requested_at"), name="queue"),
        _index(_TENANT, ("requested_at", DESCENDING), name="tenant"),
        _index(*_by("parent_id"), name="children"),
        _index(*_by("crawl_id"), name="crawl"),
        # What the lease says already: at most one run of a tenant fetches or is going to.
        _index(
            *_by("tenant_id"),
            name="one_open",
            unique=True,
            partialFilterExpression={"phase": {"$in": ["queued", "fetching"]}},
        ),
        _index(
            _TENANT,
            ("requested_at", DESCENDING),
            name="complete",
            partialFilterExpression={"complete": True},
        ),
    ],
    LEASES: [_index(*_by("crawl_id"), name="crawl")],
    CRAWL_OUTBOX: [_index(*_by("crawl_id", "sequence"), name="order")],
    CRAWL_SIGHTINGS: [
        _index(*_by("crawl_id"), name="crawl"),
        _index(*_by("stored_at"), name="purge", expireAfterSeconds=_SIGHTINGS_KEPT_SECONDS),
    ],
    ABSENCES: [],
    TICKET_STATE: [_index(*_by("external_id"), name="external_id")],
    CHECKPOINTS: [],
    CHECKPOINT_OWNERS: [],
    RUN_OUTBOX: [],
    IDEMPOTENCY_KEYS: [_index(*_by("purge_after"), name="purge", expireAfterSeconds=0)],
    LIMITERS: [],
    CIRCUITS: [],
    TOPIC_RECORDS: [],
    ALERTS: [
        _index(_TENANT, ("due_at", DESCENDING), ("_id", DESCENDING), name="newest"),
        _index(_TENANT, *_by("state"), ("due_at", DESCENDING), ("_id", DESCENDING), name="state"),
        _index(*_by("next_at"), name="due", partialFilterExpression=_WAITING),
        _index(*_by("turn_at", "_id", "next_at"), name="turn", partialFilterExpression=_WAITING),
        _index(*_by("begun"), name="begun", partialFilterExpression={"begun": True}),
        _index(*_by("state", "due_at"), name="backlog"),
        # At most ALERT_CONCURRENCY calls are out: each holds one of so many numbers.
        _index(
            *_by("slot"),
            name="in_flight",
            unique=True,
            partialFilterExpression={"slot": {"$exists": True}},
        ),
    ],
    NOTIFIERS: [],
    ERASURES: [_index(_TENANT, ("requested_at", DESCENDING), name="newest")],
    LOG_REWRITES: [],
    API_KEYS: [],
    API_KEY_REVISIONS: [],
    READ_MODELS: [],
    DIGESTS: [_index(*_by("model", "generation", "tenant_id"), name="share")],
    REBUILDS: [],
}


async def ensure_collections(mongo: Mongo) -> None:
    """Make what is missing; of what exists, only indexes of earlier releases go."""
    names = (TICKETS, TICKET_HISTORY, INGESTION_LOGS, ROLL_UPS)
    active = await mongo[READ_MODELS].find_one_and_update(
        {"_id": "active"},
        {"$setOnInsert": {name: name for name in names}},
        upsert=True,
        return_document=ReturnDocument.AFTER,
    )
    existing = set(await mongo.database.list_collection_names())
    # An empty collection of sums beside tickets that were never summed up would be taken for them.
    foreign = set() if active.get(ROLL_UPS) == ROLL_UPS else {ROLL_UPS}
    await asyncio.gather(
        *(
            make_indexes(mongo[name], indexes or [_PRIMARY])
            for name, indexes in INDEXES.items()
            if name not in foreign and (indexes or name not in existing)
        )
    )
    await _renew_tickets(mongo, active.get(TICKETS, TICKETS))


async def _renew_tickets(mongo: Mongo, live: str) -> None:
    """Give the tickets that readers see today's indexes, whatever release made them."""
    for name in {TICKETS, live}:
        if name != TICKETS:
            await make_indexes(mongo[name], TICKET_INDEXES)
        for retired in RETIRED_TICKET_INDEXES & (await mongo[name].index_information()).keys():
            await drop_index(mongo[name], retired)
