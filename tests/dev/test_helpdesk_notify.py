"""The notify service fails the first calls for each ticket and keeps every call on record."""

from collections.abc import Iterator

import httpx
import pytest

from dev.helpdesk.faults import Drop, Refusal
from dev.helpdesk.helpdesk import HelpdeskSettings
from dev.helpdesk.server import HelpdeskServer


@pytest.fixture(scope="module")
def server() -> Iterator[HelpdeskServer]:
    with HelpdeskServer(HelpdeskSettings(tickets=5, limit=1)) as server:
        yield server


@pytest.fixture
def helpdesk(server: HelpdeskServer) -> Iterator[HelpdeskServer]:
    server.forget_notifications()
    yield server
    server.remove_faults()


def notify(helpdesk: HelpdeskServer, ticket: str = "T-1", tenant: str = "acme") -> int:
    body = {"ticket_id": ticket, "tenant_id": tenant, "urgency": "high", "reason": "outage"}
    headers = {"Idempotency-Key": f"{tenant}-{ticket}"}
    answer = httpx.post(f"{helpdesk.url}/notify", json=body, headers=headers, trust_env=False)
    return answer.status_code


def test_the_first_two_calls_for_each_ticket_fail(helpdesk: HelpdeskServer) -> None:
    assert [notify(helpdesk, "T-1") for _ in range(4)] == [500, 503, 200, 200]
    assert [notify(helpdesk, "T-2") for _ in range(3)] == [500, 503, 200]
    assert notify(helpdesk, "T-1", tenant="other") == 500


def test_every_call_is_on_record(helpdesk: HelpdeskServer) -> None:
    for _ in range(3):
        notify(helpdesk)

    calls = helpdesk.notifications()

    assert [(call.call, call.status) for call in calls] == [(1, 500), (2, 503), (3, 200)]
    assert {call.idempotency_key for call in calls} == {"acme-T-1"}
    assert calls[0].body["reason"] == "outage"


def test_how_many_fail_can_be_set(helpdesk: HelpdeskServer) -> None:
    helpdesk.set_notify_failures(0)
    answers = [notify(helpdesk, f"T-{number}") for number in range(3)]
    helpdesk.set_notify_failures(2)

    assert answers == [200, 200, 200]


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"ticket_id": "T-1"}', b"\xff"])
def test_what_is_no_notification_is_refused(helpdesk: HelpdeskServer, body: bytes) -> None:
    answer = httpx.post(f"{helpdesk.url}/notify", content=body, trust_env=False)

    assert answer.status_code == 422
    assert helpdesk.notifications() == []


def test_a_refusal_on_request_counts_as_no_call(helpdesk: HelpdeskServer) -> None:
    helpdesk.install_faults([Refusal(status=400, route="notify")])

    assert [notify(helpdesk) for _ in range(4)] == [400, 500, 503, 200]
    assert [call.status for call in helpdesk.notifications()] == [400, 500, 503, 200]


def test_one_ticket_alone_can_be_refused(helpdesk: HelpdeskServer) -> None:
    helpdesk.install_faults([Refusal(status=422, route="notify", ticket_id="T-2")])

    assert [notify(helpdesk, ticket) for ticket in ("T-1", "T-2", "T-1", "T-2")] == [
        *(500, 422, 503, 500)
    ]


def test_an_acknowledgement_can_be_lost(helpdesk: HelpdeskServer) -> None:
    for _ in range(2):
        notify(helpdesk)
    helpdesk.install_faults([Drop(after_bytes=0, route="notify")])

    with pytest.raises(httpx.RemoteProtocolError):
        notify(helpdesk)
    assert helpdesk.notifications()[-1].status == 200
