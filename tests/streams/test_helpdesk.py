"""The client against the sample helpdesk over HTTP, with faults."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from itertools import pairwise
from typing import Any

import httpx
import pytest

from dev.helpdesk.faults import AnyFault, Drop, EmptyPage, Garbage, Hang, Refusal, Shape, SlowAnswer
from dev.helpdesk.helpdesk import HelpdeskSettings
from dev.helpdesk.server import HelpdeskServer
from domain.circuit import CircuitRules
from domain.errors import HelpdeskError, LeaseLostError
from domain.retry import RetryPolicy
from infra.circuits import Circuit
from infra.leases import NEVER
from infra.limiter import Limiter
from infra.mongo import Mongo
from infra.process_metrics import process_registry
from infra.settings import Settings
from streams.guarded_call import GuardedHttp
from streams.helpdesk import HelpdeskCalls, HelpdeskClient
from tests.integration.pipeline import eventually

pytestmark = pytest.mark.services

TICKETS = "/external/support-tickets"
DELETED = "/external/deleted-tickets"


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


class _NotedHolds(Limiter):
    """Notes holds instead of making everybody wait."""

    async def hold(self, seconds: float) -> None:
        """Hold nobody."""


class Caller:
    """A client of one run that notes how long it slept instead of sleeping."""

    def __init__(self, mongo: Mongo, url: str, rules: CircuitRules) -> None:
        self.slept: list[float] = []
        self.is_lost = False
        self.http = httpx.AsyncClient(base_url=url, timeout=0.4)
        self.limiter = _NotedHolds(mongo, "helpdesk", limit=0, period=60, timeout=1)
        retries = RetryPolicy(first=0.5, longest=20.0, attempts=6)
        self.circuit = Circuit(mongo, "helpdesk", rules)
        self.http_guard = GuardedHttp(self.http, self.limiter, self.circuit)
        client = HelpdeskClient(self.http_guard, retries=retries, sleep=self._sleep)
        self.calls: HelpdeskCalls = client.calls("run-1", self._permit)

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(min(seconds, 0.01))

    async def _permit(self) -> None:
        if self.is_lost:
            raise LeaseLostError("run-1")


@pytest.fixture
async def caller(mongo: Mongo, desk: HelpdeskServer) -> AsyncIterator[Caller]:
    """A caller of the helpdesk."""
    made = Caller(mongo, desk.url, CircuitRules(failures=50, window=50))
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
        (Hang(times=None), "timed out ("),
        (SlowAnswer(seconds=4.0, chunks=40, times=None), "timed out (TimeoutError)"),
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
        EmptyPage(times=1), Refusal(status=429, retry_after="3", times=9), SlowAnswer(seconds=2.0),
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


async def test_a_redirection_is_not_followed_and_says_where_to(mongo: Mongo) -> None:
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return httpx.Response(307, headers={"location": "/elsewhere"})

    assert await _reason(mongo, answer) == "page 1: answered 307 to /elsewhere"
    assert asked == [TICKETS]


async def test_a_body_without_end_is_refused_and_not_swallowed(mongo: Mongo) -> None:
    sent = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 2**20
            yield bytes(2**20)

    reason = await _reason(mongo, lambda _: httpx.Response(200, content=body()))

    assert reason == "page 1: sent over 67108864 bytes"
    assert sent == 65 * 2**20, "read no further, and asked once"


async def _reason(mongo: Mongo, answer: Callable[[httpx.Request], httpx.Response]) -> str:
    """Why page 1 of a helpdesk that answers so cannot be had."""
    transport = httpx.MockTransport(answer)
    limiter = Limiter(mongo, "helpdesk", limit=0, period=60, timeout=1)
    async with httpx.AsyncClient(base_url="http://desk", transport=transport) as http:
        guarded = GuardedHttp(http, limiter, Circuit(mongo, "helpdesk", CircuitRules()))
        with pytest.raises(HelpdeskError) as caught:
            await HelpdeskClient(guarded).calls("run-1", _allowed).page(1)
    return caught.value.reason


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


async def test_a_refusal_holds_everybody(desk: HelpdeskServer, mongo: Mongo) -> None:
    desk.install_faults([Refusal(status=429, retry_after="60")])
    limiter = Limiter(mongo, "helpdesk", limit=60, period=60, timeout=1)
    async with httpx.AsyncClient(base_url=desk.url) as http:
        guarded = GuardedHttp(http, limiter, Circuit(mongo, "helpdesk", CircuitRules()))
        refused = asyncio.create_task(HelpdeskClient(guarded).calls("run-1", _allowed).page(1))
        await eventually(lambda: mongo["limiters"].find_one({"held_until": {"$gt": NEVER}}))

        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5), limiter.slot("run-2"):
                pass
        refused.cancel()
        await asyncio.gather(refused, return_exceptions=True)

    assert len(desk.requests(TICKETS)) == 1


async def _allowed() -> None:
    return None


async def test_an_open_circuit_is_waited_for_and_spends_no_attempt(
    desk: HelpdeskServer, mongo: Mongo
) -> None:
    desk.install_faults([Refusal(status=500, times=5)])
    caller = Caller(mongo, desk.url, CircuitRules(failures=3, window=5, open_seconds=0.5))

    assert len((await caller.calls.page(2)).rows) == 100

    arrivals = [record.arrived_monotonic for record in desk.requests(TICKETS)]
    pauses = [later - earlier for earlier, later in pairwise(arrivals)]
    assert len(arrivals) == 6
    assert min(pauses[2:]) >= 0.49, "three failures open it, and each failed probe again"
    assert (await caller.circuit.status()).phase == "closed"
    await caller.http.aclose()


@pytest.mark.parametrize("status", [404, 401, 429])
async def test_a_refusal_is_no_failure_of_the_helpdesk(
    desk: HelpdeskServer, mongo: Mongo, status: int
) -> None:
    desk.install_faults([Refusal(status=status, times=None)])
    caller = Caller(mongo, desk.url, CircuitRules(failures=1, window=1, open_seconds=60))

    await failure(caller)

    assert (await caller.circuit.status()).phase == "closed"
    await caller.http.aclose()


async def test_a_call_that_was_not_made_leaves_the_probe_to_others(
    desk: HelpdeskServer, mongo: Mongo
) -> None:
    caller = Caller(mongo, desk.url, CircuitRules(failures=1, window=1, open_seconds=0.2))
    desk.install_faults([Refusal(status=500)])
    lost = Caller(mongo, desk.url, CircuitRules(failures=1, window=1, open_seconds=0.2))
    lost.is_lost = True
    with pytest.raises(HelpdeskError):
        await (
            HelpdeskClient(caller.http_guard, retries=RetryPolicy(attempts=1))
            .calls("run-1", _allowed)
            .page(1)
        )
    await eventually(caller.circuit.status, lambda status: status.phase != "closed")

    with pytest.raises(LeaseLostError):
        await lost.calls.page(1)

    assert len((await asyncio.wait_for(caller.calls.page(1), 5)).rows) == 100
    await caller.http.aclose()
    await lost.http.aclose()


async def test_a_call_can_be_cancelled_also_while_mongodb_is_gone(
    desk: HelpdeskServer, settings: Settings
) -> None:
    desk.install_faults([Hang(times=None)])
    mongo = Mongo(settings)
    lone = Caller(mongo, desk.url, CircuitRules(failures=1, window=1, open_seconds=0.1))
    lone.http.timeout = httpx.Timeout(30)
    calling = asyncio.create_task(lone.calls.page(1))
    await eventually(_asked(desk), lambda seen: seen == 1)
    mongo.close()

    calling.cancel()
    await asyncio.gather(calling, return_exceptions=True)

    assert calling.cancelled()
    await lone.http.aclose()


def _asked(desk: HelpdeskServer) -> Callable[[], Awaitable[int]]:
    async def ask() -> int:
        return len(desk.requests(TICKETS))

    return ask


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


@pytest.mark.parametrize("shape", ["not_json", "wrong_shape", "truncated"])
async def test_garbage_instead_of_the_deleted_tickets_is_asked_for_again(
    desk: HelpdeskServer, caller: Caller, shape: Shape
) -> None:
    desk.install_faults([Garbage(shape=shape, route="deleted", times=2)])

    assert await caller.calls.deleted_ids() is not None
    assert len(desk.requests(DELETED)) == 3


@pytest.mark.parametrize("id_", ["T/1", "a b?c=d#e", "..", "ü%2F"])
async def test_any_id_can_be_asked_for(desk: HelpdeskServer, caller: Caller, id_: str) -> None:
    row: dict[str, Any] = desk.tickets()[0] | {"id": id_}
    assert await caller.calls.ticket(id_) is None
    desk.insert(row)

    found = await caller.calls.ticket(id_)
    desk.remove(row["tenant_id"], id_)

    assert found == row


async def test_calls_are_measured_by_what_came_of_them(
    desk: HelpdeskServer, caller: Caller
) -> None:
    before = {outcome: _calls(outcome) for outcome in ("answered", "rate_limited", "failed")}
    desk.install_faults(
        [Refusal(status=500, times=2), Refusal(status=429, times=1, from_request=3)]
    )

    await caller.calls.page(2)

    assert {outcome: _calls(outcome) - count for outcome, count in before.items()} == {
        "answered": 1,
        "rate_limited": 1,
        "failed": 2,
    }


def _calls(outcome: str) -> float:
    name = "deskstream_helpdesk_call_duration_seconds_count"
    return process_registry().get_sample_value(name, {"outcome": outcome}) or 0.0
