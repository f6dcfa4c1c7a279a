"""What operators see of the alerts, and how they have one sent again."""

from typing import Final, NamedTuple

from pymongo import ASCENDING, ReturnDocument

from domain.alert_errors import AlertDeliveredError, AlertNotFoundError
from infra import collections
from infra.leases import NEVER
from infra.mongo import Document, Mongo

# An alert in one of these is sent once more; what is delivered never is.
_SENT_AGAIN: Final = ["pending", "suppressed", "dead_letter"]


class Backlog(NamedTuple):
    """What waits: alerts to be sent, calls that are out, alerts that nobody will take.

    `oldest_seconds` is the age of the oldest that waits, 0 if none does.
    """

    pending: int
    in_flight: int
    dead_letters: int
    oldest_seconds: float


async def read_backlog(mongo: Mongo) -> Backlog:
    """The backlog now, over all tenants.

    Raises:
        PyMongoError: MongoDB cannot be asked.
    """
    alerts = mongo[collections.ALERTS]
    pending: Document = {"state": "pending"}
    oldest = await alerts.find_one(
        pending, {"due_at": 1, "now": "$$NOW"}, sort=[("due_at", ASCENDING)]
    )
    seconds = (oldest["now"] - oldest["due_at"]).total_seconds() if oldest else 0.0
    return Backlog(
        pending=await alerts.count_documents(pending),
        in_flight=await alerts.count_documents({"slot": {"$exists": True}}),
        dead_letters=await alerts.count_documents({"state": "dead_letter"}),
        oldest_seconds=max(seconds, 0.0),
    )


async def retry_alert(mongo: Mongo, alert_id: str, tenant_id: str | None) -> Document:
    """Have an alert sent as soon as may be, under the key it always had; return it.

    One that was suppressed or that nobody took is pending again; a call that is out goes on.

    Raises:
        AlertNotFoundError: there is none, or not of this tenant.
        AlertDeliveredError: the receiver has it.
    """
    alerts = mongo[collections.ALERTS]
    wanted: Document = {"_id": alert_id}
    if tenant_id is not None:
        wanted["tenant_id"] = tenant_id
    at_once = {"next_at": {"$cond": [{"$gt": ["$slot", None]}, "$next_at", NEVER]}}
    again = {"state": "pending", "suppressed": None, "ended_at": None, "turn_at": "$due_at"}
    found: Document | None = await alerts.find_one_and_update(
        {**wanted, "state": {"$in": _SENT_AGAIN}},
        [{"$set": {**at_once, **again}}],
        return_document=ReturnDocument.AFTER,
    )
    if found is not None:
        return found
    if await alerts.find_one(wanted, {"_id": 1}) is None:
        raise AlertNotFoundError(alert_id)
    raise AlertDeliveredError(alert_id)
