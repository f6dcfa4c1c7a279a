"""Every fault does what it says, to the requests it is meant for and to no others."""

import json
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, get_args

import httpx
import pytest

from dev.helpdesk.bad_rows import bad_row
from dev.helpdesk.controls import HelpdeskControlError
from dev.helpdesk.faults import (
    AnyFault,
    BadRow,
    BadRows,
    Drop,
    EmptyPage,
    Garbage,
    Hang,
    InsertedRows,
    MovedRows,
    OmittedRows,
    Refusal,
    RemovedRows,
    RepeatedPage,
    Shape,
    SlowAnswer,
    TouchedRows,
    WrongTotal,
)
from dev.helpdesk.helpdesk import HelpdeskSettings
from dev.helpdesk.server import HelpdeskServer

TICKETS = "/external/support-tickets"


@pytest.fixture(scope="module")
def server() -> Iterator[HelpdeskServer]:
    with HelpdeskServer(HelpdeskSettings(tickets=450, limit=0)) as server:
        yield server


@pytest.fixture
def helpdesk(server: HelpdeskServer) -> Iterator[HelpdeskServer]:
    server.forget_requests()
    yield server
    server.remove_faults()


@pytest.fixture
def http(server: HelpdeskServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, trust_env=False, timeout=5.0) as client:
        yield client


def page(http: httpx.Client, number: int) -> dict[str, Any]:
    shown: dict[str, Any] = http.get(TICKETS, params={"page": number}).json()
    return shown


def crawl(http: httpx.Client) -> list[tuple[str, str]]:
    """Return the keys a plain reader meets, page by page."""
    rows: list[dict[str, Any]] = []
    number: int | None = 1
    while number is not None:
        shown = page(http, number)
        rows += shown["tickets"]
        number = shown["next_page"]
    return [(row["tenant_id"], row["id"]) for row in rows]


def keys(helpdesk: HelpdeskServer) -> list[tuple[str, str]]:
    return [(row["tenant_id"], row["id"]) for row in helpdesk.tickets()]


@pytest.mark.parametrize("retry_after", ["7", "soon", "-1", None])
def test_a_refusal_carries_any_retry_after(
    helpdesk: HelpdeskServer, http: httpx.Client, retry_after: str | None
) -> None:
    helpdesk.install_faults([Refusal(status=429, retry_after=retry_after, page=2)])

    assert http.get(TICKETS, params={"page": 1}).status_code == 200
    refused = http.get(TICKETS, params={"page": 2})
    assert (refused.status_code, refused.headers.get("retry-after")) == (429, retry_after)
    assert http.get(TICKETS, params={"page": 2}).status_code == 200
    assert [record.faults for record in helpdesk.requests()] == [[], ["Refusal"], []]


def test_a_refusal_carries_a_date(helpdesk: HelpdeskServer, http: httpx.Client) -> None:
    helpdesk.install_faults([Refusal(status=503, retry_date_in=90.0)])

    when = parsedate_to_datetime(http.get(TICKETS).headers["retry-after"])

    assert 85 < (when - datetime.now(UTC)).total_seconds() <= 90


def test_faults_begin_late_and_end(helpdesk: HelpdeskServer, http: httpx.Client) -> None:
    helpdesk.install_faults([Refusal(status=500, from_request=3, times=2)])

    answers = [http.get(TICKETS).status_code for _ in range(6)]

    assert answers == [200, 200, 500, 500, 200, 200]
    assert helpdesk.faults_fired() == [2]


def test_chances_are_repeatable(helpdesk: HelpdeskServer, http: httpx.Client) -> None:
    runs = []
    for seed in (1, 1, 2):
        helpdesk.remove_faults()
        helpdesk.install_faults([Refusal(status=500, times=None, probability=0.3, seed=seed)])
        runs.append([http.get(TICKETS).status_code for _ in range(60)])

    assert runs[0] == runs[1] != runs[2]
    assert 6 <= runs[0].count(500) <= 30


def test_the_deleted_route_can_be_absent(helpdesk: HelpdeskServer, http: httpx.Client) -> None:
    helpdesk.install_faults([Refusal(status=404, route="deleted", times=None)])

    assert [http.get("/external/deleted-tickets").status_code for _ in range(3)] == [404] * 3
    assert http.get(TICKETS).status_code == 200


def test_one_ticket_and_health_can_fail_alone(helpdesk: HelpdeskServer, http: httpx.Client) -> None:
    first, second = (ticket["id"] for ticket in helpdesk.tickets()[:2])
    broken: list[AnyFault] = [
        Refusal(status=500, route="ticket", ticket_id=first),
        Refusal(status=503, route="health"),
    ]
    helpdesk.install_faults(broken)

    assert http.get(f"{TICKETS}/{second}").status_code == 200
    assert http.get(f"{TICKETS}/{first}").status_code == 500
    assert [http.get("/health").status_code for _ in range(2)] == [503, 200]


def test_a_hanging_call_is_never_answered(helpdesk: HelpdeskServer, http: httpx.Client) -> None:
    helpdesk.install_faults([Hang()])

    with pytest.raises(httpx.ReadTimeout):
        http.get(TICKETS, timeout=0.2)
    assert [record.status for record in helpdesk.requests()] == [None]
    assert http.get(TICKETS).status_code == 200


def test_a_hang_ends_with_a_closed_connection(helpdesk: HelpdeskServer, http: httpx.Client) -> None:
    helpdesk.install_faults([Hang(seconds=0.2)])
    begun = time.monotonic()

    with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
        http.get(TICKETS)
    assert time.monotonic() - begun >= 0.2


def test_a_dropped_connection_ends_in_mid_body(
    helpdesk: HelpdeskServer, http: httpx.Client
) -> None:
    helpdesk.install_faults([Drop(after_bytes=1_000)])

    with pytest.raises(httpx.RemoteProtocolError, match=r"received 1000 bytes, expected \d{5}"):
        http.get(TICKETS)
    assert [record.status for record in helpdesk.requests()] == [200]


def test_a_connection_can_drop_before_the_answer(
    helpdesk: HelpdeskServer, http: httpx.Client
) -> None:
    helpdesk.install_faults([Drop(after_bytes=0)])

    with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
        http.get(TICKETS)


@pytest.mark.parametrize("shape", get_args(Shape))
def test_garbage_is_no_page(helpdesk: HelpdeskServer, http: httpx.Client, shape: Shape) -> None:
    helpdesk.install_faults([Garbage(shape=shape)])
    answer = http.get(TICKETS)

    assert answer.status_code == 200
    assert not _is_page(answer.content)
    assert _is_page(http.get(TICKETS).content)


def _is_page(body: bytes) -> bool:
    try:
        shown = json.loads(body.decode())
    except ValueError:
        return False
    if not isinstance(shown, dict) or not isinstance(shown.get("tickets"), list):
        return False
    return isinstance(shown["next_page"], int | None) and isinstance(shown["total_count"], int)


@pytest.mark.parametrize("chunks", [1, 4])
def test_a_slow_answer_is_right_in_the_end(
    helpdesk: HelpdeskServer, http: httpx.Client, chunks: int
) -> None:
    sound = page(http, 1)
    helpdesk.install_faults([SlowAnswer(seconds=0.2, chunks=chunks)])
    begun = time.monotonic()

    assert page(http, 1) == sound
    assert 0.2 <= time.monotonic() - begun < 2.0


def test_a_dripping_answer_outlasts_a_read_timeout(
    helpdesk: HelpdeskServer, http: httpx.Client
) -> None:
    helpdesk.install_faults([SlowAnswer(seconds=0.6, chunks=12)])

    assert http.get(TICKETS, timeout=0.3).status_code == 200


def test_rows_inserted_between_pages_are_shown_twice(
    helpdesk: HelpdeskServer, http: httpx.Client
) -> None:
    before = keys(helpdesk)
    helpdesk.install_faults([InsertedRows(page=3, rows=4)])

    shown = Counter(crawl(http))

    assert keys(helpdesk)[4:] == before
    assert {key for key, times in shown.items() if times == 2} == set(before[196:200])
    assert shown.keys() == set(before)


def test_rows_removed_from_earlier_pages_hide_others(
    helpdesk: HelpdeskServer, http: httpx.Client
) -> None:
    before = keys(helpdesk)
    helpdesk.install_faults([RemovedRows(page=2, rows=3)])

    shown = crawl(http)

    assert keys(helpdesk) == before[3:]
    assert set(before) - set(shown) == set(before[100:103])
    deleted = http.get("/external/deleted-tickets").json()["deleted_ids"]
    assert {ticket_id for _, ticket_id in before[:3]} <= set(deleted)
    for tenant, ticket_id in reversed(before[:3]):
        helpdesk.restore(tenant, ticket_id)
    assert keys(helpdesk) == before


def test_a_row_moved_to_an_earlier_page_is_not_seen(
    helpdesk: HelpdeskServer, http: httpx.Client
) -> None:
    before = keys(helpdesk)
    helpdesk.install_faults([MovedRows(page=2, rows=2)])

    shown = crawl(http)

    assert set(before) - set(shown) == set(before[200:202])
    assert sorted(keys(helpdesk)) == sorted(before)


def test_touched_rows_keep_their_content(helpdesk: HelpdeskServer, http: httpx.Client) -> None:
    before = helpdesk.tickets()
    helpdesk.install_faults([TouchedRows(page=1, rows=2, seconds=-60.0)])

    shown = page(http, 1)["tickets"]

    assert shown[2:] == before[2:100]
    for touched, was in zip(shown[:2], before[:2], strict=True):
        assert touched == {**was, "updated_at": touched["updated_at"]}
        assert touched["updated_at"] < was["updated_at"]


@pytest.mark.parametrize("kind", get_args(BadRow))
def test_a_bad_row_comes_beside_the_sound_ones(
    helpdesk: HelpdeskServer, http: httpx.Client, kind: BadRow
) -> None:
    sound = page(http, 2)["tickets"]
    helpdesk.install_faults([BadRows(page=2, rows=[kind])])

    assert page(http, 2)["tickets"] == [*sound, json.loads(bad_row(kind, "lumenfold"))]
    assert page(http, 2)["tickets"] == sound


def test_bad_rows_are_wrong_in_one_way_each() -> None:
    rows = {kind: json.loads(bad_row(kind, "acme")) for kind in get_args(BadRow)}

    assert len({bad_row(kind, "acme") for kind in rows}) == len(rows) == 14
    assert "id" not in rows["no_id"]
    assert "tenant_id" not in rows["no_tenant"]
    assert "created_at" not in rows["no_created_at"]
    assert len(rows["oversize_message"]["message"]) > 256 * 1024
    assert rows["big_integer"]["customer_id"] >= 2**64
    with pytest.raises(UnicodeEncodeError):
        rows["lone_surrogate"]["subject"].encode()
    assert "\0" in rows["nul"]["message"]
    assert "\a" in rows["control_id"]["id"]


def test_rows_can_be_left_out_though_they_live(
    helpdesk: HelpdeskServer, http: httpx.Client
) -> None:
    before = keys(helpdesk)
    hidden = before[50][1]
    helpdesk.install_faults([OmittedRows(page=1, rows=2, ids=[hidden])])

    assert set(before) - set(crawl(http)) == {*before[:2], before[50]}
    assert http.get(f"{TICKETS}/{hidden}").status_code == 200


def test_the_total_can_move(helpdesk: HelpdeskServer, http: httpx.Client) -> None:
    total = page(http, 1)["total_count"]
    helpdesk.install_faults([WrongTotal(by=-7, times=2), WrongTotal(by=1)])

    assert [page(http, 1)["total_count"] - total for _ in range(3)] == [-6, -7, 0]


@pytest.mark.parametrize(("to", "named"), [(None, 4), (1, 1)])
def test_pages_can_repeat_for_ever(
    helpdesk: HelpdeskServer, http: httpx.Client, to: int | None, named: int
) -> None:
    helpdesk.install_faults([RepeatedPage(page=4, to=to)])

    assert [page(http, 4)["next_page"] for _ in range(5)] == [named] * 5


@pytest.mark.parametrize(("goes_on", "after"), [(False, None), (True, 2)])
def test_a_page_can_be_empty(
    helpdesk: HelpdeskServer, http: httpx.Client, goes_on: bool, after: int | None
) -> None:
    helpdesk.install_faults([EmptyPage(page=1, goes_on=goes_on)])
    shown = page(http, 1)

    assert (shown["tickets"], shown["next_page"]) == ([], after)


def test_an_unknown_fault_is_refused(server: HelpdeskServer) -> None:
    answer = httpx.post(f"{server.url}/_control/faults", content=b'[{"kind": "nonsense"}]')
    assert answer.status_code == 422
    with pytest.raises(HelpdeskControlError, match="no such ticket"):
        server.remove("nobody", "nothing")
