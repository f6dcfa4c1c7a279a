"""The search for what an erasure is about: tickets in state, history and parked events; letters."""

from typing import Final, NamedTuple

from domain.erasure_subjects import ErasureSubject
from domain.events import ChangeEvent, decode
from domain.letter_subjects import names_customer
from infra import collections
from infra.erased_letters import REASON
from infra.mongo import Document, Mongo
from infra.read_models import TICKETS, active_generation

_CUSTOMER: Final = "customer_id"


class LettersFound(NamedTuple):
    """Dead letters of a customer: those that name it, and how many hold its id unreadably.

    Unreadable ones are counted over all that name this tenant or none.
    """

    ids: list[str]
    unclear: int


async def tickets_of(mongo: Mongo, subject: ErasureSubject) -> set[str]:
    """The keys of the tickets that are this customer's or were, also deleted ones.

    A ticket that was erased says nothing of its customer any more: it is not found again.
    """
    if subject.key is not None:
        return {subject.key}
    return {
        *await _in_state(mongo, subject),
        *await _in_history(mongo, subject),
        *await _in_parked(mongo, subject),
    }


async def letters_of(mongo: Mongo, subject: ErasureSubject) -> LettersFound:
    """Dead letters that name this customer, whatever ticket they are about."""
    ids: list[str] = []
    unclear = 0
    if subject.customer_id is None:
        return LettersFound(ids, unclear)
    wanted = {"tenant_id": {"$in": [subject.tenant_id, None]}, "reason": {"$ne": REASON}}
    shown = {"value": 1, "tenant_id": 1}
    async for letter in mongo[collections.DEAD_LETTERS].find(wanted, shown):
        named = names_customer(letter["value"], subject.customer_id)
        if named and letter["tenant_id"] == subject.tenant_id:
            ids.append(letter["_id"])
        elif named is not False:
            unclear += 1
    return LettersFound(ids, unclear)


async def _in_state(mongo: Mongo, subject: ErasureSubject) -> list[str]:
    tenant = subject.tenant_id
    wanted: Document = {
        "_id": {"$gt": f"{tenant}:", "$lt": f"{tenant};"},
        f"ticket.{_CUSTOMER}": subject.customer_id,
    }
    return [d["_id"] async for d in mongo[collections.TICKET_STATE].find(wanted, {"_id": 1})]


async def _in_history(mongo: Mongo, subject: ErasureSubject) -> list[str]:
    named = {"$or": [{"old": subject.customer_id}, {"new": subject.customer_id}]}
    wanted = {
        "tenant_id": subject.tenant_id,
        "changes": {"$elemMatch": {"field": _CUSTOMER, **named}},
    }
    names = (await active_generation(mongo, TICKETS)).names
    entries = mongo[names[collections.TICKET_HISTORY]]
    found: list[str] = await entries.distinct("ticket_id", wanted)
    return [f"{subject.tenant_id}:{ticket_id}" for ticket_id in found]


async def _in_parked(mongo: Mongo, subject: ErasureSubject) -> list[str]:
    rows = mongo[collections.PARKED].find({"tenant_id": subject.tenant_id}, {"value": 1})
    events = [decode(row["value"]) async for row in rows]
    return [e.key for e in events if isinstance(e, ChangeEvent) and _names(e, subject.customer_id)]


def _names(event: ChangeEvent, customer_id: str | None) -> bool:
    said = [value for c in event.changes if c.field == _CUSTOMER for value in (c.old, c.new)]
    return customer_id in (event.ticket.customer_id, *said)
