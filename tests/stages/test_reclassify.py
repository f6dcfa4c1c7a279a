"""`deskstream reclassify`: newer rules over tickets that workers go on changing."""

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
import pytest

from domain.classification import Classifier
from domain.instants import cut
from domain.records import TicketRecord
from domain.ruleset import Rule, parse_ruleset
from infra.publisher import Publisher
from infra.rules import default_classifier, shipped_rules
from streams.reclassification import Reclassification, Transition, count_tickets
from streams.reentry import Reentry
from tests.faults.feed import FeedRecord
from tests.faults.scenario import Scenario
from tests.faults.verdict import Event
from tests.integration.pipeline import deleted, observed
from tests.stages.stages import deskstream, events, quiet, send

pytestmark = pytest.mark.services

CURRENT = parse_ruleset(shipped_rules())


class Held:
    """Keeps records back, as a slow network does."""

    def __init__(self) -> None:
        self.records: list[TicketRecord] = []

    async def take(self, records: Sequence[TicketRecord]) -> None:
        self.records += records


def newer_rules() -> Classifier:
    """Today's rules and one more, by which teapots are urgent."""
    teapot = Rule("teapot", "high", {"en": ("teapot",)})
    rules = msgspec.structs.replace(
        CURRENT, version=CURRENT.version + 1, rules=(*CURRENT.rules, teapot)
    )
    return Classifier(rules)


def shown(tenant: str, number: int, minute: int, **fields: str) -> FeedRecord:
    time = f"2026-11-20T10:{minute:02}:00Z"
    message = "It is about the teapot." if number % 2 else "It is about the kettle."
    said = {"message": message, "time": time, "updated_at": time} | fields
    return FeedRecord(number % 4, None, observed(tenant, f"T-{number}", **said))


async def reclassified(
    running: Scenario, to: Reentry | Held | None, tenant: str | None = None
) -> Reclassification:
    run = Reclassification(newer_rules(), cut(datetime.now(UTC)))
    seen: list[int] = []
    await run.run(running.mongo, to, seen.append, tenant)
    assert sum(seen) == await count_tickets(running.mongo, tenant)
    return run


async def test_newer_rules_change_what_they_say_something_else_about(running: Scenario) -> None:
    records = [shown(who, n, 1) for who in ("acme", "acme-2") for n in range(300)]
    await send(running, [*records, FeedRecord(0, None, deleted("acme", "T-1"))])
    before = await events(running)
    dry, held = await reclassified(running, None), Held()
    one = await reclassified(running, held, "acme")
    # Meanwhile another text, another status, and a deletion.
    await send(running, [
        shown("acme", 3, 2, message="The teapot is fine, thank you."),
        shown("acme", 5, 2, status="closed"),
        FeedRecord(7 % 4, None, deleted("acme", "T-7", time="2026-11-20T10:03:00Z")),
    ])  # fmt: skip
    meanwhile = await events(running)
    again = await _sent_twice(running, held.records)

    assert (dry.tickets, dry.changed, one.tickets, one.changed) == (599, 299, 299, 149)
    assert dry.ruleset_version == CURRENT.version + 1
    assert dry.transitions[Transition("urgency", "medium", "high")] == 299
    assert len(meanwhile) == len(before) + 3
    # Of T-3 the new text was labelled by the old rules: the second pass found it.
    assert again.changed == 1
    _check_added(await events(running), meanwhile)
    await _check_what_follows(running)


async def _sent_twice(running: Scenario, records: Sequence[TicketRecord]) -> Reclassification:
    """Send what was held back, two times over, and reclassify once more."""
    publisher = Publisher(running.settings)
    reentry = Reentry(running.mongo, publisher, running.settings.kafka_partitions)
    await reentry.take(records)
    await reentry.take(records)
    await quiet(running)
    again = await reclassified(running, reentry, "acme")
    await quiet(running)
    await publisher.stop()
    return again


def _check_added(found: dict[str, Event], known: dict[str, Event]) -> None:
    added = {id_: event for id_, event in found.items() if id_ not in known}
    expected = {f"T-{n}" for n in range(300) if n % 2 and n not in (1, 7)}
    assert len(added) == len(expected)
    assert {event["external_id"] for event in added.values()} == expected
    assert {event["cause"] for event in added.values()} == {"reclassify"}
    assert added["acme:T-5:3"]["ticket"]["status"] == "closed"
    assert all(event["ticket"]["urgency"] == "high" for event in added.values())


async def _check_what_follows(running: Scenario) -> None:
    """The labels are readable, stay while the text does, and the shipped rules are not newer."""
    before = await events(running)
    read = await running.mongo["tickets"].find_one({"_id": "acme:T-9"})
    await send(running, [shown("acme", 9, 4)])
    shipped = await deskstream(running, "reclassify")

    assert read is not None
    assert (read["urgency"], read["requires_action"], read["version"]) == ("high", True, 2)
    assert read["classification"]["ruleset_version"] == CURRENT.version + 1
    assert (shipped["changed"], shipped["transitions"]) == (0, [])
    assert shipped["ruleset_version"] == CURRENT.version
    assert await events(running) == before


def test_the_rule_of_these_tests_is_one_that_matters() -> None:
    text = ("Cannot log in", "It is about the teapot.")

    assert default_classifier().classify(*text).urgency == "medium"
    assert newer_rules().classify(*text).urgency == "high"
