"""The client against the sample helpdesk over HTTP, with faults."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest

from dev.helpdesk.faults import AnyFault, Drop, EmptyPage, Garbage, Hang, Refusal, Shape
from dev.helpdesk.helpdesk import HelpdeskSettings
from dev.helpdesk.server import HelpdeskServer
from domain.errors import HelpdeskError, LeaseLostError
from domain.retry import RetryPolicy
from infra.limiter import Limiter
from infra.mongo import Mongo
from streams.helpdesk import HelpdeskCalls, HelpdeskClient

pytestmark = pytest.mark.services

TICKETS = "/external/support-tickets"


@pytest.fixture(scope="module")
def server() -> Iterator[HelpdeskServer]:
    """A helpdesk of 250 tickets without limit."""
    with HelpdeskServer(HelpdeskSettings(tickets=250, limit=0)) as running:
        yield running


@pytest.fixture
def desk(server: HelpdeskServer) -> HelpdeskServer:
    """The helpdesk without faults or records of earlier tests."""
    server.remove_faults()
    server.forget_requests()
    return server


class Caller:
    """A client of one run that notes how long it slept instead of sleeping."""

    def __init__(self, mongo: Mongo, url: str) -> None:
        self.slept: list[float] = []
        self.is_lost = False
        self.http = httpx.AsyncClient(base_url=url, timeout=0.4)
        self.limiter = Limiter(mongo, "helpdesk", limit=0, period=60, timeout=1)
        retries = RetryPolicy(first=0.5, longest=20.0, attempts=6)
        client = HelpdeskClient(self.http, self.limiter, retries=retries, sleep=self._sleep)
        self.calls: HelpdeskCalls = client.calls("run-1", self._permit)

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    async def _permit(self) -> None:
        if self.is_lost:
            raise LeaseLostError("run-1")


@pytest.fixture
async def caller(mongo: Mongo, desk: HelpdeskServer) -> AsyncIterator[Caller]:
    """A caller of the helpdesk."""
    made = Caller(mongo, desk.url)
    yield made
    await made.http.aclose()


async def failure(caller: Caller, number: int = 2) -> str:
    """Why a page cannot be had."""
    with pytest.raises(HelpdeskError) as caught:
        await caller.calls.page(number)
    assert not caught.value.retryable
    return caught.value.reason


async def test_pages_are_followed_to_their_end(caller: Caller) -> None:
    pages = [await caller.calls.page(number) for number in (1, 2, 3)]

    assert [(len(p.rows), p.next_page, p.total_count) for p in pages] == [
        (100, 2, 250),
        (100, 3, 250),
        (50, None, 250),
    ]


SHAPES: tuple[Shape, ...] = (
    "not_json", "truncated", "empty", "null", "not_an_object", "wrong_shape",
    "tickets_not_a_list", "wrong_next_page", "not_utf8",
)  # fmt: skip


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Refusal(status=500, times=None), "answered 500"),
        (Refusal(status=503, times=None), "answered 503"),
        (Drop(times=None), "RemoteProtocolError"),
        (Drop(after_bytes=0, times=None), "RemoteProtocolError"),
        (Hang(times=None), "timed out (ReadTimeout)"),
        (EmptyPage(times=None), "no next page, though 250 are counted"),
        *((Garbage(shape=shape, times=None), "garbage: ") for shape in SHAPES),
    ],
    ids=str,
)
async def test_a_fault_that_stays_fails_the_run_after_six_attempts(
    desk: HelpdeskServer, caller: Caller, fault: AnyFault, said: str
) -> None:
    desk.install_faults([fault])

    reason = await failure(caller)

    assert reason.startswith("page 2: ")
    assert said in reason
    assert reason.endswith(", after 6 attempts")
    assert len(desk.requests(TICKETS)) == 6
    assert len(caller.slept) == 5
    assert all(0 <= slept <= 0.5 * 2**n for n, slept in enumerate(caller.slept))


@pytest.mark.parametrize(
    "fault",
    [
        Refusal(status=502, times=5), Drop(times=2), Hang(times=1), Garbage(times=3),
        EmptyPage(times=1), Refusal(status=429, retry_after="3", times=9),
    ],
    ids=str,
)  # fmt: skip
async def test_a_fault_that_passes_costs_nothing_but_time(
    desk: HelpdeskServer, caller: Caller, fault: AnyFault
) -> None:
    desk.install_faults([fault])

    assert len((await caller.calls.page(2)).rows) == 100


@pytest.mark.parametrize("status", [401, 403, 404, 400, 422, 302])
async def test_what_will_not_get_better_fails_at_once(
    desk: HelpdeskServer, caller: Caller, status: int
) -> None:
    desk.install_faults([Refusal(status=status, times=None)])

    assert await failure(caller) == f"page 2: answered {status}"
    assert len(desk.requests(TICKETS)) == 1


async def test_a_helpdesk_that_only_refuses_is_given_up(
    desk: HelpdeskServer, caller: Caller
) -> None:
    desk.install_faults([Refusal(status=429, retry_after="2", times=None)])

    reason = await failure(caller)

    assert reason == "page 2: answered 429 10 times in a row, last with Retry-After '2'"
    assert caller.slept == [2.0] * 9


async def test_a_refusal_spends_no_attempt(desk: HelpdeskServer, caller: Caller) -> None:
    desk.install_faults(
        [
            Refusal(status=500, times=5),
            Refusal(status=429, retry_after="1", times=5, from_request=6),
        ]
    )

    assert len((await caller.calls.page(2)).rows) == 100


async def test_a_refusal_holds_everybody(
    desk: HelpdeskServer, caller: Caller, mongo: Mongo
) -> None:
    desk.install_faults([Refusal(status=429, retry_after="60")])
    another = Limiter(mongo, "helpdesk", limit=60, period=60, timeout=1)

    await caller.calls.page(2)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5), another.slot("run-2"):
            pass


async def test_a_run_that_was_lost_calls_nobody(desk: HelpdeskServer, caller: Caller) -> None:
    caller.is_lost = True

    for call in (caller.calls.page(1), caller.calls.deleted_ids(), caller.calls.ticket("T-1")):
        with pytest.raises(LeaseLostError):
            await call

    assert desk.requests("/external") == []


async def test_deleted_tickets_are_listed_or_not_known(
    desk: HelpdeskServer, caller: Caller
) -> None:
    row = desk.tickets()[0]
    desk.remove(row["tenant_id"], row["id"])

    listed = await caller.calls.deleted_ids()
    desk.install_faults([Refusal(status=404, route="deleted", times=None)])
    unknown = await caller.calls.deleted_ids()
    desk.restore(row["tenant_id"], row["id"])

    assert row["id"] in (listed or ())
    assert unknown is None


async def test_a_list_that_cannot_be_had_is_not_an_empty_one(
    desk: HelpdeskServer, caller: Caller
) -> None:
    desk.install_faults([Refusal(status=500, route="deleted", times=None)])

    with pytest.raises(HelpdeskError, match="deleted tickets: answered 500, after 6 attempts"):
        await caller.calls.deleted_ids()


@pytest.mark.parametrize("id_", ["T/1", "a b?c=d#e", "..", "ü%2F"])
async def test_any_id_can_be_asked_for(desk: HelpdeskServer, caller: Caller, id_: str) -> None:
    row: dict[str, Any] = desk.tickets()[0] | {"id": id_}
    assert await caller.calls.ticket(id_) is None
    desk.insert(row)

    found = await caller.calls.ticket(id_)
    desk.remove(row["tenant_id"], id_)

    assert found == row
