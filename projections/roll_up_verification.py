"""The verification of roll-ups: tickets counted one by one, held against every sum over them.

Tickets are verified against the log; what they come to is verified against the tickets, a month of
a tenant at a time, each on a snapshot of its own.  The counting is naive (`naive_sums`).
"""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Final

from domain.read_models import ROLL_UPS, TICKETS
from infra.mongo import Document, Session, lenient, snapshot
from projections.differences import Difference
from projections.naive_sums import (
    LEVELS,
    Sums,
    add_cells,
    add_delta,
    count,
    month_of,
    next_month,
)
from projections.verification_task import Task

_BATCH: Final = 200
_SHOWN: Final = dict.fromkeys(
    (
        *("created_at", "status", "urgency", "sentiment", "requires_action"),
        *("customer_id", "subject", "message"),
    ),
    1,
)


class RollUpVerification:
    """Compares what the roll-ups of a subject say with what its tickets come to."""

    def __init__(self, task: Task, roll_ups: str) -> None:
        self._task = task
        mongo, names = task.sources.mongo, task.subject.names
        self._mongo = mongo
        self._roll_ups = mongo[roll_ups]
        self._tickets = lenient(mongo[names[TICKETS]])

    async def run(self) -> None:
        """Report every month of every tenant of which a sum is another."""
        for tenant_id in await self._tenants():
            async for month in self._months(tenant_id):
                if not await self._is_even(tenant_id, month):
                    self._report(tenant_id, *await self._month(tenant_id, month))
            expected, found = await self._all(tenant_id)
            self._report(tenant_id, expected, found)

    async def _tenants(self) -> list[str]:
        if self._task.tenant is not None:
            return [self._task.tenant]
        of_tickets: list[str] = await self._tickets.distinct("tenant_id")
        of_sums: list[str] = await self._roll_ups.distinct("tenant_id")
        return sorted({*of_tickets, *of_sums})

    async def _months(self, tenant_id: str) -> AsyncIterator[datetime]:
        """The months in which tickets were created, or of which there are sums."""
        months = {"tenant_id": tenant_id, "kind": "month"}
        known = set(await self._roll_ups.distinct("at", months))
        deltas = {"tenant_id": tenant_id, "kind": "delta"}
        known |= {month_of(at) for at in await self._roll_ups.distinct("labels.at", deltas)}
        begin: datetime | None = None
        while True:
            wanted: Document = {"tenant_id": tenant_id, "deleted_at": None}
            if begin is not None:
                wanted["created_at"] = {"$gte": begin}
            first = await self._tickets.find_one(
                wanted, {"created_at": 1}, sort=[("created_at", 1)]
            )
            if first is None:
                break
            known.add(month_of(first["created_at"]))
            begin = next_month(month_of(first["created_at"]))
        for month in sorted(known):
            yield month

    async def _is_even(self, tenant_id: str, month: datetime) -> bool:
        """True if nothing is left of what tickets come to, once all sums are taken away.

        Nearly always that is so, and what is expected and what is found need not both be kept.
        """
        left = Sums()
        async with snapshot(self._mongo) as session:
            async for ticket in self._live(tenant_id, month, session):
                count(left, ticket)
            async for document in self._documents(tenant_id, month, session):
                found = Sums()
                _add(found, document, month)
                left.subtract(found)
        return not any(left.values())

    async def _month(self, tenant_id: str, month: datetime) -> tuple[Sums, Sums]:
        """What the tickets of a month come to, and what the sums say."""
        expected, found = Sums(), Sums()
        async with snapshot(self._mongo) as session:
            async for ticket in self._live(tenant_id, month, session):
                count(expected, ticket)
            async for document in self._documents(tenant_id, month, session):
                _add(found, document, month)
        return expected, found

    async def _live(
        self, tenant_id: str, month: datetime, session: Session
    ) -> AsyncIterator[Document]:
        created = {"$gte": month, "$lt": next_month(month)}
        wanted = {"tenant_id": tenant_id, "deleted_at": None, "created_at": created}
        async for ticket in self._tickets.find(wanted, _SHOWN, session=session, batch_size=_BATCH):
            yield ticket

    async def _documents(
        self, tenant_id: str, month: datetime, session: Session
    ) -> AsyncIterator[Document]:
        at = {"$gte": month, "$lt": next_month(month)}
        merged = {"kind": {"$in": list(LEVELS)}, "at": at}
        wanted = {"tenant_id": tenant_id, "$or": [merged, {"kind": "delta"}]}
        async for document in self._roll_ups.find(wanted, session=session, batch_size=_BATCH):
            yield document

    async def _all(self, tenant_id: str) -> tuple[Sums, Sums]:
        """The sums over all time, against those of the months that were merged with them."""
        expected, found = Sums(), Sums()
        async with snapshot(self._mongo) as session:
            for level, sums in (("month", expected), ("all", found)):
                wanted = {"tenant_id": tenant_id, "kind": level}
                async for document in self._roll_ups.find(wanted, session=session):
                    add_cells(sums, document, "all")
        return expected, found

    def _report(self, tenant_id: str, expected: Sums, found: Sums) -> None:
        """One difference for each document that is wrong; words are ticket text, and not shown."""
        wrong = {s for s in {*expected, *found} if expected[s] != found[s]}
        for kind, at in sorted({(s.kind, s.at) for s in wrong}, key=str):
            some = [s for s in wrong if (s.kind, s.at) == (kind, at)]
            first = min(some, key=str)
            name = f"{len(some)} sums" if len(some) > 1 else str(first.counted[0])
            self._task.report.add(
                Difference(
                    ROLL_UPS,
                    f"{tenant_id}:{kind}:{at.isoformat() if at else ''}",
                    "field",
                    name,
                    str(sum(expected[s] for s in some)),
                    str(sum(found[s] for s in some)),
                )
            )


def _add(sums: Sums, document: Document, month: datetime) -> None:
    """Add what a delta or a merged document says of a month."""
    if document["kind"] == "delta":
        add_delta(sums, document, month)
    else:
        add_cells(sums, document, document["kind"])
