"""Tickets that change in every way, and random questions about them, each answer checked."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from api.scope import TenantScope
from api.statistics import TicketRange, count_tickets
from api.zones import zone_of
from domain.access import ANYBODY
from domain.changes import decide
from domain.events import encode
from domain.labels import Labels, Sentiment, Urgency
from domain.read_models import TICKETS
from domain.records import Deleted, Observed
from domain.ticket_state import TicketState
from infra.kafka import Outgoing
from infra.mongo import Document, Mongo
from infra.read_models import active
from tests.api.recount import recount
from tests.domain.strategies import deleted, observed

TENANT = "acme"
NOW = datetime(2026, 10, 26, 9, 41, 3, 500_000, tzinfo=UTC)
URGENCIES: list[Urgency] = ["high", "medium", "low"]
SENTIMENTS: list[Sentiment] = ["negative", "neutral", "positive"]
ZONES = ["UTC", "Europe/Berlin", "Asia/Kathmandu", "America/St_Johns", "-09:30", "+00:07"]
WORDS = [
    *("refund", "invoice", "Ärger", "dépôt", "login", "outage", "printer", "shop"),
    *("door", "the", "und", "que", "404", "v2"),
]


def lives(seed: int, tickets: int, steps: int) -> Iterator[Outgoing]:
    """Change events of tickets around the end of summer time in Europe."""
    rng = random.Random(seed)
    states: dict[int, TicketState] = {}
    for step in range(steps):
        number = rng.randrange(tickets)
        said: dict[str, Any] = {"external_id": f"T-{number}"}
        record: Observed | Deleted = deleted(step, **said)
        if rng.random() < 0.9:
            created = random.Random(number if rng.random() < 0.9 else step)
            urgency = rng.choice(URGENCIES)
            labels = Labels(urgency, rng.choice(SENTIMENTS), rng.random() < 0.5, (), 1)
            record = observed(
                step,
                **said,
                subject=" ".join(rng.choices(WORDS, k=2)),
                message=" ".join(rng.choices(WORDS, k=rng.randrange(6))),
                status=rng.choice(["open", "pending", "closed"]),
                customer_id=rng.choice([None, "C-1", "C-2", "C-3"]),
                created_at=NOW - timedelta(milliseconds=created.randrange(40 * 86_400_000)),
                labels=labels,
            )
        known = states.get(number) or TicketState(tenant_id=TENANT, external_id=f"T-{number}")
        states[number], _, event = decide(known, record)
        if event is not None:
            yield Outgoing(event.key.encode(), encode(event))


async def ask(mongo: Mongo, rng: random.Random) -> tuple[TicketRange, Document]:
    """A random question, with its answer, whose sums agree."""
    ends = sorted(NOW - timedelta(seconds=rng.randrange(42 * 86_400)) for _ in range(2))
    if rng.random() < 0.3:
        ends = [end.replace(minute=0, second=0, microsecond=0) for end in ends]
    begin, end = (None if rng.random() < 0.25 else end for end in ends)
    tz = rng.choice(ZONES)
    chosen = TicketRange(begin, end, tz, zone_of(tz))
    shown = await count_tickets(TenantScope(mongo, ANYBODY.grant(TENANT)), chosen, NOW)
    for sums in ("by_status", "by_urgency", "by_sentiment"):
        assert sum(shown[sums].values()) == shown["total_tickets"]
        assert min(shown[sums].values(), default=0) >= 0
    assert sum(hour["count"] for hour in shown["hourly_trend"]) <= shown["total_tickets"]
    high = sum(hour["high"] for hour in shown["hourly_trend"])
    assert 0 <= high <= shown["by_urgency"]["high"]
    assert all(word["count"] <= shown["total_tickets"] for word in shown["top_keywords"])
    return chosen, shown


async def wrong(mongo: Mongo, seed: int, times: int) -> list[object]:
    """Random questions whose answers are not what a naive recount of the tickets gives."""
    rng = random.Random(seed)
    found: list[object] = []
    name = (await active(mongo))[TICKETS]
    tickets = await mongo[name].find({"tenant_id": TENANT}).to_list(None)
    for _ in range(times):
        chosen, shown = await ask(mongo, rng)
        expected = recount(tickets, chosen.begin, chosen.end)
        if {name: shown[name] for name in expected} != expected:
            found.append(chosen)
        for hour in shown["hourly_trend"]:
            begin = datetime.fromisoformat(hour["hour"])
            span = chosen.span.within(begin, begin + timedelta(hours=1))
            inside = recount(tickets, span.begin, span.end)
            if (hour["count"], hour["high"]) != (
                inside["total_tickets"],
                inside["by_urgency"]["high"],
            ):
                found.append((chosen, hour))
    return found
