"""Alerts arrive, all of them, once, whatever the receiver does."""

import asyncio
from collections import Counter
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from dev.helpdesk.faults import Drop, Hang, Refusal, SlowAnswer
from dev.helpdesk.helpdesk import HelpdeskSettings
from dev.helpdesk.server import HelpdeskServer
from domain.alert_turns import most_begun
from domain.retry import RetryPolicy
from infra.circuits import NOTIFY, circuits_of
from notifications.notifier import run_notifier
from notifications.receiver import Receiver
from tests.integration.pipeline import PATIENCE, eventually
from tests.notifications.notified import NOW, QUICK, Notified, urgent

pytestmark = pytest.mark.services


async def test_a_receiver_that_fails_the_first_two_calls_gets_every_alert_once(
    desk: Notified,
) -> None:
    desk.receiver.set_notify_failures(2)
    async with desk.notifiers(2):
        await desk.publish(urgent(40))
        await desk.until(delivered=40)

    alerts = await desk.alerts()
    assert desk.acknowledged() == {alert["_id"]: 1 for alert in alerts}
    assert {alert["calls"] for alert in alerts} == {3}
    assert len({(call.body["ticket_id"], call.idempotency_key) for call in desk.calls()}) == 40
    assert [alert["ticket_id"] for alert in alerts] == [f"T-{n:05}" for n in range(40)]
    first = min(desk.calls(), key=lambda call: call.body["ticket_id"])
    assert first.body == {
        "ticket_id": "T-00000", "tenant_id": "acme", "urgency": "high",
        "reason": "created with urgency high (outage: “is down”)",
    }  # fmt: skip


@pytest.mark.faults
async def test_little_is_begun_at_a_time(desk: Notified) -> None:
    """Otherwise each half-open circuit would let out the first call of yet another ticket."""
    desk.receiver.set_notify_failures(2)
    pace = RetryPolicy(first=0.3, longest=0.6)
    async with desk.notifiers(2, pace, breaker_failures=1000, breaker_window=1000):
        await desk.publish(urgent(40))
        await desk.until(delivered=40)

    begun: set[str] = set()
    most = 0
    for call in desk.calls():
        begun.add(call.body["ticket_id"])
        most = max(most, len(begun))
        if call.status == 200:
            begun.discard(call.body["ticket_id"])
    # Two processes may begin one each at the same moment.
    assert most <= most_begun(desk.settings.alert_concurrency) + 1


async def test_no_more_calls_are_out_than_allowed_over_all_processes(desk: Notified) -> None:
    desk.receiver.install_faults([SlowAnswer(route="notify", seconds=0.15, times=None)])
    async with desk.notifiers(2, alert_concurrency=3):
        await desk.publish(urgent(24))
        await desk.until(delivered=24)

    arrivals = [call.arrived_monotonic for call in desk.calls()]
    # Of four calls in a row the last waits for the end of an earlier one.
    assert all(last - first > 0.1 for first, last in zip(arrivals, arrivals[3:], strict=False))
    assert any(last - first < 0.1 for first, last in zip(arrivals, arrivals[2:], strict=False))


async def test_one_ticket_that_is_refused_is_dead_lettered_alone(desk: Notified) -> None:
    desk.receiver.install_faults(
        [Refusal(status=422, route="notify", ticket_id="T-00003", times=None)]
    )
    async with desk.notifiers(2):
        await desk.publish(urgent(8))
        await desk.until(delivered=7, dead_letter=1)

    (dead,) = await desk.alerts(state="dead_letter")
    assert (dead["ticket_id"], dead["calls"]) == ("T-00003", 1)
    assert dead["error"].startswith("answered 422: ")
    status = await circuits_of(desk.mongo, desk.settings)[NOTIFY].status()
    assert (status.phase, status.failures) == ("closed", 0)


@pytest.mark.parametrize(
    "trouble",
    [
        [Refusal(status=500, route="notify", times=12)],
        [Drop(after_bytes=0, route="notify", times=12)],
        [Hang(route="notify", times=6)],
        [Refusal(status=429, retry_after="1", route="notify", times=2)],
        [Refusal(status=500, route="notify", ticket_id="T-00001", times=12)],
    ],
    ids=["500", "dropped", "hanging", "429", "one fails for long"],
)
async def test_whatever_goes_wrong_for_a_while_loses_nothing(
    desk: Notified, trouble: list[Refusal | Drop | Hang]
) -> None:
    desk.receiver.install_faults(trouble)
    async with desk.notifiers(2, notify_timeout=0.5):
        await desk.publish(urgent(6))
        await desk.until(delivered=6)

    assert desk.receiver.faults_fired() == [trouble[0].times]
    keys = {call.body["ticket_id"]: call.idempotency_key for call in desk.calls()}
    assert all(call.idempotency_key == keys[call.body["ticket_id"]] for call in desk.calls())


async def test_a_receiver_that_is_down_for_long_gets_everything_when_it_is_back(
    desk: Notified,
) -> None:
    """Down for four times as long as the circuit stays open: in the field, for minutes."""
    with HelpdeskServer(HelpdeskSettings(tickets=1, limit=0, notify_failures=0)) as absent:
        absent.stop()
        async with desk.notifiers(2, helpdesk_url=absent.url):
            await desk.publish(urgent(12))
            await eventually(desk.circuit_phase, lambda phase: phase == "open")
            await asyncio.sleep(4 * desk.settings.breaker_open_seconds)
            assert await desk.states() == {"pending": 12}
            absent.start()
            absent.wait_ready()
            await desk.until(delivered=12)

        keys = Counter(call.idempotency_key for call in absent.notifications())
    assert keys == {alert["_id"]: 1 for alert in await desk.alerts()}


async def test_what_nobody_foresaw_ends_the_notifier_and_gives_the_alert_back(
    desk: Notified, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: Any) -> Any:
        raise RuntimeError("a defect")

    monkeypatch.setattr(Receiver, "send", fail)
    never = asyncio.Event()
    running = asyncio.create_task(run_notifier(desk.settings, never, QUICK))
    await eventually(desk.has_begun, bool)
    await desk.publish(urgent())

    with pytest.raises(RuntimeError, match="a defect"):
        await asyncio.wait_for(running, PATIENCE)
    (alert,) = await desk.alerts()
    assert (alert["state"], "slot" in alert) == ("pending", False)


async def test_while_the_circuit_is_open_no_call_leaves_any_process(desk: Notified) -> None:
    """Of the first ten calls, up to seven may be out when the fifth failure comes."""
    desk.receiver.install_faults([Refusal(status=500, route="notify", times=None)])
    async with desk.notifiers(2, breaker_open_seconds=1.5):
        await desk.publish(urgent(30))
        await eventually(desk.circuit_phase, lambda phase: phase == "open")
        await eventually(desk.seconds_since_a_call, lambda seconds: seconds > 0.4)
        burst = len(desk.calls())
        await eventually(desk.number_of_calls, lambda calls: calls >= burst + 3)
        assert desk.settings.breaker_failures <= burst < 5 + desk.settings.alert_concurrency
        probes = [call.arrived_monotonic for call in desk.calls()[burst - 1 :]]
        assert all(later - earlier > 1.4 for earlier, later in pairwise(probes))
        waiting = [alert for alert in await desk.alerts() if not alert["calls"]]
        assert len(waiting) > 20  # waiting for the circuit spends no calls

        desk.receiver.remove_faults()
        await desk.until(delivered=30)

    assert set(desk.acknowledged().values()) == {1}


async def test_an_alert_that_always_fails_does_not_keep_others_from_being_sent(
    desk: Notified,
) -> None:
    desk.receiver.install_faults(
        [Refusal(status=500, route="notify", ticket_id="T-00000", times=None)]
    )
    async with desk.notifiers(1, RetryPolicy(first=0.01, longest=0.05)):
        await desk.publish(urgent(30))
        await desk.until(delivered=29, pending=1)
        await eventually(lambda: desk.alerts(calls={"$gte": 8}, begun=False), bool)


async def test_those_that_are_to_wait_for_an_hour_hold_up_nobody(desk: Notified) -> None:
    """More of them than may be begun at a time."""
    many = most_begun(1) + 2
    desk.receiver.install_faults(
        [
            Refusal(
                status=503, retry_after="3600", route="notify", ticket_id=f"T-{n:05}", times=None
            )
            for n in range(many)
        ]
    )
    async with desk.notifiers(alert_concurrency=1, breaker_failures=100, breaker_window=100):
        await desk.publish(urgent(many + 5))
        await desk.until(delivered=5, pending=many)

    waiting = await desk.alerts(state="pending")
    assert {alert["calls"] for alert in waiting} == {1}
    assert all(alert["next_at"] - NOW > timedelta(minutes=59) for alert in waiting)


async def test_a_notifier_told_to_end_finishes_what_is_out(desk: Notified) -> None:
    desk.receiver.install_faults([SlowAnswer(route="notify", seconds=1.0, times=None)])
    async with desk.notifiers():
        await desk.publish(urgent(4))
        await eventually(desk.number_of_calls, lambda calls: calls == 4)

    assert await desk.states() == {"delivered": 4}
    assert set(desk.acknowledged().values()) == {1}


async def test_a_notifier_told_to_end_gives_back_what_does_not_end(desk: Notified) -> None:
    desk.receiver.install_faults([Hang(route="notify", times=4)])
    async with desk.notifiers(notify_timeout=60.0):
        await desk.publish(urgent(4))
        await eventually(desk.number_of_calls, lambda calls: calls == 4)

    given_back = await desk.alerts()
    assert [alert["state"] for alert in given_back] == ["pending"] * 4
    assert all("slot" not in alert for alert in given_back)
    async with desk.notifiers():
        await desk.until(delivered=4, patience=10.0)
    assert Counter(call.idempotency_key for call in desk.calls()) == {
        alert["_id"]: 2 for alert in given_back
    }
