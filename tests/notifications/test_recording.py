"""What is due is recorded once, with its checkpoint, and never before the first start."""

from datetime import timedelta

import pytest

from dev.helpdesk.faults import Refusal
from domain.alerts import alert_of
from domain.erasure import erase, erasure
from domain.ticket_state import TicketState
from domain.topics import CHANGES
from infra.alert_backlog import retry_alert
from infra.checkpoints import Checkpoints
from infra.leases import NEVER
from notifications.first_start import begin
from tests.domain.strategies import ALARMED, CALM, observed
from tests.notifications.notified import NOW, Notified, history, urgent

pytestmark = pytest.mark.services


async def test_what_was_there_before_the_first_start_is_told_to_nobody(desk: Notified) -> None:
    await desk.publish(urgent(20))
    async with desk.notifiers(2):
        await desk.publish(urgent(3, tenant_id="globex"))
        await desk.until(delivered=3)
        await desk.read()

    assert {alert["tenant_id"] for alert in await desk.alerts()} == {"globex"}


async def test_what_came_while_no_notifier_ran_is_told_by_the_next(desk: Notified) -> None:
    async with desk.notifiers():
        pass
    await desk.publish(urgent(5))
    async with desk.notifiers():
        await desk.until(delivered=5)


async def test_a_first_start_that_died_half_way_is_ended_where_it_began(desk: Notified) -> None:
    """Else what is published in between would be lost on the partitions that had no checkpoint."""
    partitions = range(desk.settings.kafka_partitions)
    checkpoints = Checkpoints(desk.mongo, "alerts", CHANGES)
    await begin(desk.mongo, desk.reader, checkpoints, partitions)
    await desk.mongo["checkpoints"].delete_many({"partition": {"$gt": 0}})
    await desk.publish(urgent(12))

    async with desk.notifiers():
        await desk.until(delivered=12)


async def test_the_same_events_again_make_no_second_alert(desk: Notified) -> None:
    events = urgent(6)
    async with desk.notifiers(2):
        await desk.publish(events)
        await desk.until(delivered=6)
        await desk.publish([*events, *events])
        await desk.read()

        assert await desk.states() == {"delivered": 6}
    assert len(desk.calls()) == 6


async def test_what_nobody_is_to_be_told_is_kept_with_the_reason(desk: Notified) -> None:
    old = NOW - timedelta(days=8)
    async with desk.notifiers():
        await desk.publish(urgent(1, "closed", ticket={"status": "closed"}))
        await desk.publish(urgent(1, "old", ticket={"created_at": old}))
        await desk.publish(urgent(1, "replayed", cause="replay"))
        await desk.publish(urgent(1, "reclassified", cause="reclassify"))
        await desk.publish(history("T-1", "calm", observed(0, labels=CALM)))
        await desk.publish(urgent(1, "told"))
        await desk.until(suppressed=2, delivered=1)
        await desk.read()

    reasons = {alert["tenant_id"]: alert["suppressed"] for alert in await desk.alerts()}
    assert set(reasons) == {"closed", "old", "told"}
    assert reasons["closed"] == "the ticket is closed"
    assert reasons["old"].startswith("the ticket is older than ALERT_MAX_AGE: created ")


async def test_alerts_of_an_erased_ticket_keep_no_words_and_are_told_all_the_same(
    desk: Notified,
) -> None:
    [event] = urgent(1)
    state = TicketState(
        tenant_id=event.tenant_id, external_id=event.external_id, version=1, ticket=event.ticket
    )
    gone = erase(state, erasure((event.tenant_id, event.external_id), "r-1", NOW)).event
    assert gone is not None
    async with desk.notifiers():
        await desk.publish([event, gone])
        await desk.until(delivered=1)
        await desk.read()

    [alert] = await desk.alerts()
    assert "is down" in alert_of(event, NOW, timedelta(days=1000)).reason  # type: ignore[union-attr]
    assert alert["reason"] == "created with urgency high"


async def test_a_source_that_says_it_was_long_ago_goes_before_nobody(desk: Notified) -> None:
    """A back-fill's own times make its tickets neither young nor the oldest alerts."""
    old = NOW - timedelta(days=60)
    backfill = urgent(3, "backfill", ticket={"created_at": old}, observed_at=old)
    ahead = urgent(1, "ahead", observed_at=NOW + timedelta(days=30))
    async with desk.notifiers():
        await desk.publish([*backfill, *ahead], written_at=NOW)
        await desk.until(suppressed=3, delivered=1)

    assert {alert["due_at"] for alert in await desk.alerts()} == {NOW}


async def test_low_high_low_high_is_told_twice(desk: Notified) -> None:
    shown = [
        observed(0, labels=CALM),
        observed(1, labels=ALARMED, message="It is down."),
        observed(2, labels=CALM, message="It works."),
        observed(3, labels=ALARMED, message="It is down again."),
    ]
    async with desk.notifiers():
        await desk.publish(history("T-1", "acme", *shown))
        await desk.until(delivered=2)

    assert [alert["version"] for alert in await desk.alerts()] == [2, 4]
    assert len({call.idempotency_key for call in desk.calls()}) == 2


async def test_what_was_dead_lettered_can_be_sent_again_under_the_same_key(
    desk: Notified,
) -> None:
    desk.receiver.install_faults([Refusal(status=422, route="notify")])
    async with desk.notifiers():
        await desk.publish(urgent())
        await desk.until(dead_letter=1)
        (dead,) = await desk.alerts()
        again = await retry_alert(desk.mongo, dead["_id"], None)
        await desk.until(delivered=1)

    assert (again["state"], again["next_at"]) == ("pending", NEVER)
    assert {call.idempotency_key for call in desk.calls()} == {dead["_id"]}
