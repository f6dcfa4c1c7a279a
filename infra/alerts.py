"""The alerts as they are kept: recorded with a checkpoint, sent under a lease, kept for ever.

A document has what `Alert` has, and `state`, `calls` (so far), `next_at` (when it may be taken;
while a call is out: from whoever seems lost), `begun` and `turn_at` (see `domain.alert_turns`),
`error` (of the last call), `ended_at`.  While a call is out it also has `slot`, 0 to
ALERT_CONCURRENCY - 1 and unique over all processes, and `owner`, whose call it is.
"""

import uuid
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Final, NamedTuple

from pymongo import ASCENDING, ReturnDocument
from pymongo.errors import DuplicateKeyError

from domain.alert_turns import LONGEST_WAIT_OF_THE_BEGUN, is_begun, most_begun
from domain.alerts import Alert
from domain.identity import change_event_id
from infra import collections
from infra.leases import NEVER
from infra.mongo import Document, Mongo, Session, insert_missing

_PENDING: Final[Document] = {"state": "pending"}
_BLANKED_AT_ONCE: Final = 1_000
_BLANKS: Final[Document] = {
    "reason": {"$concat": ["$action", " with urgency high"]},
    # What a receiver answered may repeat what it was sent.
    "error": {"$cond": [{"$eq": ["$error", None]}, None, "erased"]},
}
_IS_DUE: Final[Document] = {"$expr": {"$lte": ["$next_at", "$$NOW"]}}
_OLDEST_FIRST: Final = [("turn_at", ASCENDING), ("_id", ASCENDING)]


class Vacancy(NamedTuple):
    """Room for a call, and whom it may be of.

    `predecessor` is the claim that stood there too long, if one did; `only_begun` says that none
    may be begun.
    """

    slot: int
    predecessor: str | None = None
    only_begun: bool = False

    @property
    def eligible(self) -> Document:
        """Which alerts may be taken."""
        if self.predecessor is not None:
            return {"slot": self.slot, "owner": self.predecessor}
        waiting = {**_PENDING, "slot": {"$exists": False}, **_IS_DUE}
        return {**waiting, "begun": True} if self.only_begun else waiting


class Claim(NamedTuple):
    """Leave for one call of one alert, as long as the lease lasts; `calls` counts this one."""

    id: str
    owner: str
    calls: int
    body: Document


class Alerts:
    """Every method raises `PyMongoError` while MongoDB is down.

    `slots` is how many calls may be out at once, over all processes; times are in seconds.
    """

    def __init__(self, mongo: Mongo, *, slots: int, lease_seconds: float) -> None:
        self._alerts = mongo[collections.ALERTS]
        self.lease_seconds = lease_seconds
        self._slots = slots
        self._lease_ms = round(lease_seconds * 1000)

    async def record(self, alerts: Iterable[Alert], session: Session) -> list[Document]:
        """Keep those that are not known yet, in the caller's transaction; return them."""
        documents = {alert.id: _document(alert) for alert in alerts}
        return await insert_missing(self._alerts, list(documents.values()), session)

    async def blank(self, versions: Mapping[str, int], session: Session) -> None:
        """Take the text out of the alerts of erased tickets, by key, before these versions.

        They are sent all the same: what is due says who, not what.
        """
        ids = (change_event_id(k, v) for k, end in versions.items() for v in range(1, end))
        while some := list(islice(ids, _BLANKED_AT_ONCE)):
            await self._alerts.update_many(
                {"_id": {"$in": some}}, [{"$set": _BLANKS}], session=session
            )

    async def seconds_until_due(self) -> float | None:
        """How long until one may be sent, 0 if one may be now; None if none waits."""
        first = await self._alerts.find_one(
            _PENDING, {"next_at": 1, "now": "$$NOW"}, sort=[("next_at", ASCENDING)]
        )
        if first is None:
            return None
        wait: float = (first["next_at"] - first["now"]).total_seconds()
        return max(wait, 0.0)

    async def vacancy(self, *, succeeding: bool = True) -> Vacancy | None:
        """Room for one more call, None if there is none, or nobody for it.

        `succeeding` allows to send once more what a process that seems lost was sending.
        """
        wanted = {"slot": {"$exists": True}}
        shown = {"slot": 1, "owner": 1, "is_late": _IS_DUE["$expr"]}
        busy = await self._alerts.find(wanted, shown).to_list(None)
        late = [row for row in busy if row["is_late"]]
        if late and succeeding:
            return Vacancy(late[0]["slot"], late[0]["owner"])
        free = set(range(self._slots)) - {row["slot"] for row in busy}
        if not free:
            return None
        begun = await self._alerts.count_documents({**_PENDING, "begun": True})
        room = Vacancy(min(free), only_begun=begun >= most_begun(self._slots))
        somebody = await self._alerts.find_one(room.eligible, {"_id": 1}, sort=_OLDEST_FIRST)
        return None if somebody is None else room

    async def claim(self, vacancy: Vacancy) -> Claim | None:
        """Take the alert whose turn it is, for one call; None if it is nobody's now."""
        try:
            return await self._take(vacancy)
        except DuplicateKeyError:
            return None  # another process has that slot now

    async def deliver(self, claim: Claim) -> bool:
        """Note that the receiver has it; False if the lease was lost before."""
        return await self._end(claim, "delivered", None)

    async def bury(self, claim: Claim, reason: str) -> bool:
        """Note that the receiver will never take it; False if the lease was lost before."""
        return await self._end(claim, "dead_letter", reason)

    async def postpone(self, claim: Claim, reason: str, seconds: float) -> bool:
        """Note that the call failed, and when the next may be; False if the lease was lost."""
        again = {"$add": ["$$NOW", round(seconds * 1000)]}
        place = "$turn_at" if is_begun(claim.calls) else again
        begun = is_begun(claim.calls) and seconds <= LONGEST_WAIT_OF_THE_BEGUN
        return await self._change(
            claim, {"error": reason, "next_at": again, "turn_at": place, "begun": begun}
        )

    async def give_back(self, claim: Claim, *, was_sent: bool) -> bool:
        """Let another send it at once; one that never went out spent no call."""
        calls = claim.calls if was_sent else claim.calls - 1
        fields = {"next_at": "$$NOW", "calls": calls, "begun": is_begun(calls)}
        return await self._change(claim, fields)

    async def _take(self, vacancy: Vacancy) -> Claim | None:
        claim = uuid.uuid4().hex
        taken = {
            "slot": vacancy.slot,
            "owner": claim,
            "calls": {"$add": ["$calls", 1]},
            "next_at": {"$add": ["$$NOW", self._lease_ms]},
            "begun": True,
        }
        found: Document | None = await self._alerts.find_one_and_update(
            vacancy.eligible,
            [{"$set": taken}],
            sort=_OLDEST_FIRST,
            return_document=ReturnDocument.AFTER,
        )
        if found is None:
            return None
        body = {name: found[name] for name in ("ticket_id", "tenant_id", "urgency", "reason")}
        return Claim(found["_id"], claim, found["calls"], body)

    async def _end(self, claim: Claim, state: str, error: str | None) -> bool:
        ended = {"state": state, "error": error, "ended_at": "$$NOW", "begun": False}
        return await self._change(claim, {**ended, "next_at": NEVER})

    async def _change(self, claim: Claim, fields: Document) -> bool:
        literal = {n: {"$literal": v} if n == "error" else v for n, v in fields.items()}
        result = await self._alerts.update_one(
            {"_id": claim.id, "owner": claim.owner},
            [{"$set": literal}, {"$unset": ["slot", "owner"]}],
        )
        return result.matched_count == 1


def _document(alert: Alert) -> Document:
    fields = alert._asdict()
    return {
        "_id": fields.pop("id"),
        **fields,
        "state": "pending" if alert.suppressed is None else "suppressed",
        "calls": 0,
        "begun": False,
        "turn_at": alert.due_at,
        "next_at": NEVER,
        "error": None,
        "ended_at": None,
    }
