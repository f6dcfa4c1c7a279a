"""Believable tickets from a seed: same seed and same `now`, same bytes."""

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import count as count_from
from typing import Any, TypeAlias

from dev.helpdesk.desks import Desk, draw_language, draw_status, open_desks
from dev.helpdesk.letters import LONG, NATURAL, LengthProfile, write_letter
from dev.helpdesk.phrases import phrases, vocabulary
from dev.helpdesk.slots import Slots
from dev.helpdesk.timestamps import draw_creations, draw_notation, draw_update

Ticket: TypeAlias = dict[str, Any]

SAMPLE_TENANTS = tuple(tenant.name for tenant in vocabulary().tenant)

_SOURCES = ("email", "web", "chat", "phone", "api")
_SOURCE_SHARES = (46, 24, 16, 9, 5)
_SHARED_IDS = 5


def generate(
    seed: int,
    count: int = 10_000,
    tenants: Sequence[str] = SAMPLE_TENANTS,
    *,
    now: datetime,
    days: int = 30,
    long_messages: bool = False,
) -> list[Ticket]:
    """Return `count` tickets of spec section 4, oldest first, created in the `days` before `now`.

    Ids are unique within a tenant and, save for a handful, among all tenants.  Messages have a
    median of 250 characters; long ones of 600, with a 95th percentile of 4,000.
    """
    rng = random.Random(seed)  # noqa: S311  repeatable, not secret
    now = now.replace(tzinfo=now.tzinfo or UTC, microsecond=0)
    lengths = LONG if long_messages else NATURAL
    desks = open_desks(rng, tenants, count)
    shares = [desk.profile.share for desk in desks]
    tickets = [
        {
            "id": f"{desk.id_prefix}{number}",
            **_write_ticket(rng, desk, created, now, lengths),
        }
        for number, (desk, created) in enumerate(
            zip(
                rng.choices(desks, shares, k=count),
                draw_creations(rng, count, now, days),
                strict=True,
            ),
            start=100_001,
        )
    ]
    _share_ids(rng, tickets, tenants)
    return tickets


def newcomers(seed: int, tenants: Sequence[str], now: datetime) -> Iterator[Ticket]:
    """Yield tickets with ids of their own ("NEW-1", ...) without end, of the day before `now`."""
    numbers = count_from(1)
    for batch in count_from(1):
        for ticket in generate(seed + batch, 50, tenants, now=now, days=1):
            yield {**ticket, "id": f"NEW-{next(numbers)}"}


def _write_ticket(
    rng: random.Random, desk: Desk, created: datetime, now: datetime, lengths: LengthProfile
) -> Ticket:
    customer = desk.draw_customer(rng)
    language = draw_language(rng)
    story = desk.draw_story(rng, language, customer)
    source = rng.choices(_SOURCES, _SOURCE_SHARES)[0]
    slots = Slots(rng, phrases(language), desk.profile, created)
    subject, message = write_letter(story, slots, source, lengths.draw(rng))
    write_down = draw_notation(rng)
    return {
        "tenant_id": desk.tenant,
        "source": source,
        "customer_id": customer.customer_id,
        "subject": subject,
        "message": message,
        "status": draw_status(rng, customer, now - created),
        "created_at": write_down(created),
        "updated_at": write_down(draw_update(rng, created, now)),
    }


def _share_ids(rng: random.Random, tickets: list[Ticket], tenants: Sequence[str]) -> None:
    """Give a few tickets of the second tenant the ids of tickets of the first."""
    if len(tenants) < 2:
        return
    first, second = (
        [ticket for ticket in tickets if ticket["tenant_id"] == tenant] for tenant in tenants[:2]
    )
    shared = min(_SHARED_IDS, len(tickets) // 20, len(first), len(second))
    for giver, taker in zip(rng.sample(first, shared), rng.sample(second, shared), strict=True):
        taker["id"] = giver["id"]
