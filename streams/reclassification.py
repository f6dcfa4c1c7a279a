"""Reclassification of all tickets: today's rules over the sync agent's state, page by page."""

from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec
from pymongo import ASCENDING

from domain.events import Ticket
from domain.labels import Classifies, Labels
from domain.reclassification import reclassification
from domain.records import Reclassified
from domain.ticket_state import TicketState
from infra import collections
from infra.mongo import Mongo
from streams.reentry import Takes

_PAGE: Final = 500
_LABELS: Final = ("urgency", "sentiment", "requires_action")


class Transition(NamedTuple):
    """One label's value before and after."""

    label: str
    old: str
    new: str


@dataclass
class Reclassification:
    """One pass over the tickets, as they are at `time`; what changes meanwhile is not applied.

    `tickets` were read, `changed` get new labels or new evidence; `ruleset_version` is that of
    the rules, 0 before the first ticket.  `transitions` counts tickets by what becomes of labels.
    """

    classifier: Classifies
    time: datetime
    tickets: int = 0
    changed: int = 0
    ruleset_version: int = 0
    transitions: Counter[Transition] = field(default_factory=Counter)

    async def run(
        self,
        mongo: Mongo,
        to: Takes | None,
        progress: Callable[[int], None],
        tenant_id: str | None = None,
    ) -> None:
        """Hand on what changes, or with `to` None only count it."""
        async for page in _pages(mongo, tenant_id):
            records = [record for state in page if (record := self._judge(state))]
            if to is not None and records:
                await to.take(records)
            progress(len(page))

    def _judge(self, state: TicketState) -> Reclassified | None:
        ticket = state.ticket
        if ticket is None or not state.is_live:
            return None
        self.tickets += 1
        labels = self.classifier.classify(ticket.subject, ticket.message)
        self.ruleset_version = labels.ruleset_version
        record = reclassification(state, labels, self.time)
        if record is not None:
            self.changed += 1
            self._count(ticket, labels)
        return record

    def _count(self, ticket: Ticket, labels: Labels) -> None:
        before, after = ([_shown(x, name) for name in _LABELS] for x in (ticket, labels))
        moved = [Transition(*t) for t in zip(_LABELS, before, after, strict=True) if t[1] != t[2]]
        self.transitions.update(moved or [Transition("evidence", "", "")])


def _shown(labelled: Ticket | Labels, name: str) -> str:
    value = getattr(labelled, name)
    return str(value).lower() if isinstance(value, bool) else str(value)


async def count_tickets(mongo: Mongo, tenant_id: str | None = None) -> int:
    """How many tickets a pass reads, the deleted ones among them; of all tenants about."""
    states = mongo[collections.TICKET_STATE]
    if tenant_id is None:
        return await states.estimated_document_count()
    return await states.count_documents(_after("", tenant_id))


async def _pages(mongo: Mongo, tenant_id: str | None) -> AsyncIterator[list[TicketState]]:
    """The states by key, 500 at a time: no cursor stays open however long a page takes."""
    states = mongo[collections.TICKET_STATE]
    last = ""
    while True:
        order = states.find(_after(last, tenant_id)).sort("_id", ASCENDING).limit(_PAGE)
        page = await order.to_list(None)
        if not page:
            return
        yield [msgspec.convert(document, TicketState) for document in page]
        last = page[-1]["_id"]


def _after(last: str, tenant_id: str | None) -> dict[str, Any]:
    """Keys behind `last`; those of a tenant lie between `tenant:` and the character after."""
    if tenant_id is None:
        return {"_id": {"$gt": last}}
    return {"_id": {"$gt": max(last, f"{tenant_id}:"), "$lt": f"{tenant_id};"}}
