"""The sample's tickets are repeatable, well-formed and shaped like a support desk's."""

import json
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from statistics import median, quantiles
from typing import Any

import pytest

from dev.helpdesk.generator import SAMPLE_TENANTS, generate, newcomers
from dev.helpdesk.phrases import phrases

NOW = datetime(2026, 3, 18, 14, 30, tzinfo=UTC)
FIELDS = (
    "id", "tenant_id", "source", "customer_id", "subject", "message", "status",
    "created_at", "updated_at",
)  # fmt: skip


@pytest.fixture(scope="module")
def tickets() -> list[dict[str, Any]]:
    return generate(7, now=NOW)


def instant(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=moment.tzinfo or UTC)


def test_the_same_seed_and_moment_give_the_same_bytes() -> None:
    first, second, other = (json.dumps(generate(seed, 300, now=NOW)) for seed in (3, 3, 4))

    assert first == second != other


def test_every_ticket_is_whole(tickets: list[dict[str, Any]]) -> None:
    assert len(tickets) == 10_000
    for ticket in tickets:
        assert tuple(ticket) == FIELDS
        assert all(isinstance(value, str) and value for value in ticket.values())
        assert "{" not in ticket["subject"] + ticket["message"]


def test_ids_are_unique_in_a_tenant_and_a_handful_are_shared(
    tickets: list[dict[str, Any]],
) -> None:
    keys = {(ticket["tenant_id"], ticket["id"]) for ticket in tickets}

    assert len(keys) == 10_000
    assert len({ticket["id"] for ticket in tickets}) == 9_995


def test_tickets_are_created_in_order_over_the_last_days_and_updated_later(
    tickets: list[dict[str, Any]],
) -> None:
    created = [instant(ticket["created_at"]) for ticket in tickets]

    assert [moment.replace(microsecond=0) for moment in created] == sorted(
        moment.replace(microsecond=0) for moment in created
    )
    assert NOW - timedelta(days=30, hours=1) < created[0] < NOW - timedelta(days=29)
    for ticket, moment in zip(tickets, created, strict=True):
        assert moment <= instant(ticket["updated_at"]) <= NOW + timedelta(seconds=1)


def test_moments_are_written_in_mixed_notations(tickets: list[dict[str, Any]]) -> None:
    shapes = Counter(re.sub(r"\d", "9", ticket["created_at"]) for ticket in tickets)

    assert shapes.keys() == {
        "9999-99-99T99:99:99Z",
        "9999-99-99T99:99:99",
        "9999-99-99T99:99:99+99:99",
        "9999-99-99T99:99:99-99:99",
        "9999-99-99T99:99:99.999Z",
        "9999-99-99T99:99:99.999999+99:99",
    }


def test_days_are_busier_than_nights_and_weekends(tickets: list[dict[str, Any]]) -> None:
    created = [instant(ticket["created_at"]).astimezone(UTC) for ticket in tickets]
    by_hour = Counter(moment.hour for moment in created)
    weekend = sum(moment.weekday() >= 5 for moment in created)

    assert by_hour[10] > 8 * by_hour[3] > 0
    assert 0.05 < weekend / len(created) < 0.2


def test_tenants_and_customers_are_of_uneven_size(tickets: list[dict[str, Any]]) -> None:
    tenants = Counter(ticket["tenant_id"] for ticket in tickets)
    customers = Counter((ticket["tenant_id"], ticket["customer_id"]) for ticket in tickets)

    for tenant, share in zip(SAMPLE_TENANTS, (0.45, 0.30, 0.20, 0.05), strict=True):
        assert abs(tenants[tenant] / 10_000 - share) < 0.02
    assert max(customers.values()) > 10 * median(customers.values())


def test_some_customers_wait_with_many_open_tickets(tickets: list[dict[str, Any]]) -> None:
    waiting = Counter(
        (ticket["tenant_id"], ticket["customer_id"])
        for ticket in tickets
        if ticket["status"] == "open"
    )

    assert [count for _, count in waiting.most_common(3)] > [7, 7, 7]


def test_about_one_story_in_seven_is_urgent() -> None:
    for trade in ("software", "shop"):
        stories = [story for story in phrases("en").story if story.trade in (None, trade)]
        urgent = sum(story.weight for story in stories if story.urgent)
        assert 0.12 <= urgent / sum(story.weight for story in stories) <= 0.18


def test_lengths_are_natural_or_those_of_the_benchmarks(tickets: list[dict[str, Any]]) -> None:
    natural = [len(ticket["message"]) for ticket in tickets]
    long = [len(t["message"]) for t in generate(7, 5_000, now=NOW, long_messages=True)]

    assert 200 <= median(natural) <= 300
    assert 540 <= median(long) <= 660
    assert 3_600 <= quantiles(long, n=20)[-1] <= 4_400


def test_addresses_are_nobodys(tickets: list[dict[str, Any]]) -> None:
    text = " ".join(ticket["message"] for ticket in tickets)

    assert set(re.findall(r"@([\w.-]+\w)", text)) == {"example.com"}


def test_newcomers_have_ids_of_their_own() -> None:
    fresh = newcomers(8, ["one", "two"], NOW)
    drawn = [next(fresh) for _ in range(120)]

    assert [ticket["id"] for ticket in drawn] == [f"NEW-{n}" for n in range(1, 121)]
    assert {ticket["tenant_id"] for ticket in drawn} == {"one", "two"}
