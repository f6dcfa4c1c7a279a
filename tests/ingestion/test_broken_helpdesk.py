"""A helpdesk that fails: a run goes on or says why not, and never takes silence for deletion."""

from typing import get_args

import pytest

from dev.helpdesk.faults import (
    AnyFault,
    Drop,
    EmptyPage,
    Garbage,
    Hang,
    OmittedRows,
    Refusal,
    RepeatedPage,
    Shape,
    WrongTotal,
)
from tests.ingestion.desk import Desk, reconciled, ticket_row
from tests.integration.pipeline import tenant

pytestmark = [
    pytest.mark.services,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(120),
]

TICKETS = 12
# One after the other; of page 1 the first request meets the first, and so on.
STUMBLES: list[AnyFault] = [
    Refusal(status=500, page=1, from_request=1),
    Drop(after_bytes=0, page=1, from_request=2),
    Refusal(status=429, retry_after="-5", page=1, from_request=3),
    Garbage(shape="not_json", page=1, from_request=4),
    Refusal(status=503, retry_after="1", page=2, from_request=1),
    Hang(page=2, from_request=2),
    Refusal(status=429, retry_date_in=2.0, page=2, from_request=3),
    Garbage(shape="empty", page=2, from_request=4),
    Drop(after_bytes=200, page=3, from_request=1),
    Drop(after_bytes=20_000, page=3, from_request=2),
    Refusal(status=429, retry_after="0", page=3, from_request=3),
    Garbage(shape="truncated", page=3, from_request=4),
]


SHAPES: tuple[Shape, ...] = get_args(Shape)
# Each shape once, three in a row on each of three pages.
EVERY_GARBAGE: list[AnyFault] = [
    Garbage(shape=shape, page=1 + number // 3, from_request=1 + number % 3)
    for number, shape in enumerate(SHAPES)
]


@pytest.mark.parametrize(
    "faults",
    [
        pytest.param(STUMBLES, id="all kinds"),
        pytest.param(EVERY_GARBAGE, id="garbage", marks=pytest.mark.faults),
    ],
)
async def test_a_helpdesk_that_stumbles_is_read_to_the_end(
    desk: Desk, faults: list[AnyFault]
) -> None:
    who = await _known_tenant(desk)
    everything = sum(desk.helpdesk.counts().values())
    desk.helpdesk.install_faults(faults)

    audit = await desk.ingest(who)

    assert desk.helpdesk.faults_fired() == [1] * len(faults)
    assert (audit["status"], audit["fetched"], audit["errors"]) == ("SUCCESS", everything, [])
    assert (audit["unchanged"], audit["deleted"]) == (TICKETS - 1, 1)
    assert reconciled(audit)


# One attempt after the other fails in another way; none of them begins the count anew.
EVERY_WAY: list[AnyFault] = [
    Drop(after_bytes=0, page=2, from_request=1),
    Hang(page=2, from_request=2),
    Garbage(page=2, from_request=3),
    Refusal(status=500, page=2, from_request=4),
    EmptyPage(page=2, from_request=5),
    Drop(after_bytes=200, page=2, from_request=6),
]


async def test_a_helpdesk_that_fails_in_every_way_fails_the_run(desk: Desk) -> None:
    await _fails(desk, EVERY_WAY, "page 2: RemoteProtocolError")


FAILURES: list[tuple[AnyFault, str]] = [
    (Refusal(status=403, page=2, times=None), "page 2: answered 403"),
    (RepeatedPage(page=3), "page 3 is followed by page 3: pages repeat"),
    (Refusal(status=500, page=2, times=None), "page 2: answered 500, after 6 attempts"),
]
LONG_FAILURES: list[tuple[AnyFault, str]] = [
    (Refusal(status=429, times=None, retry_after="1"), "answered 429 10 times in a row"),
    (EmptyPage(page=1, times=None), "page 1: garbage: "),
    (RepeatedPage(page=3, to=1), "page 3 is followed by page 1: pages repeat"),
    (Refusal(status=404, page=2, times=None), "page 2: answered 404"),
    (EmptyPage(page=2, times=None), "page 2: garbage: "),
    (Drop(page=2, times=None), "page 2: RemoteProtocolError"),
    (Drop(after_bytes=0, page=2, times=None), "page 2: RemoteProtocolError"),
    (Hang(page=2, times=None), "page 2: timed out (ReadTimeout), after 6 attempts"),
    *((Garbage(shape=shape, page=2, times=None), "page 2: garbage: ") for shape in SHAPES),
    (Refusal(status=500, route="deleted", times=None), "deleted tickets: answered 500"),
]


@pytest.mark.parametrize(("fault", "reason"), FAILURES)
async def test_a_run_that_cannot_go_on_fails_with_the_reason(
    desk: Desk, fault: AnyFault, reason: str
) -> None:
    await _fails(desk, [fault], reason)


@pytest.mark.faults
@pytest.mark.parametrize(("fault", "reason"), LONG_FAILURES)
async def test_a_run_that_gives_up_in_the_end_fails_with_the_reason(
    desk: Desk, fault: AnyFault, reason: str
) -> None:
    await _fails(desk, [fault], reason)


@pytest.mark.parametrize(
    "fault",
    [
        EmptyPage(page=2, goes_on=True, times=None),
        OmittedRows(rows=5, page=1, times=None),
        WrongTotal(by=1, times=None),
    ],
    ids=["empty page", "omitted rows", "wrong total"],
)
async def test_a_crawl_that_was_shown_too_little_is_no_success(desk: Desk, fault: AnyFault) -> None:
    who = await _known_tenant(desk)
    desk.helpdesk.install_faults([fault])

    audit = await desk.ingest(who)

    assert (audit["status"], audit["deleted"]) == ("PARTIAL_SUCCESS", 0)
    assert "were not on its pages" in audit["errors"][0]
    assert reconciled(audit)
    await _assert_whole_and_free(desk, who)


async def _fails(desk: Desk, faults: list[AnyFault], reason: str) -> None:
    who = await _known_tenant(desk)
    desk.helpdesk.install_faults(faults)

    audit = await desk.ingest(who)

    assert (audit["status"], audit["deleted"]) == ("FAILED", 0)
    assert reason in audit["errors"][0]
    await _assert_whole_and_free(desk, who)


async def _known_tenant(desk: Desk) -> str:
    """A tenant whose tickets are known; one of them was removed since, and can be missed."""
    who = tenant()
    rows = [ticket_row(who, id_) for id_ in _ids(who)]
    desk.helpdesk.insert(*rows[:6], position=0)
    desk.helpdesk.insert(*rows[6:])
    assert (await desk.ingest(who))["new_ingested"] == TICKETS
    desk.helpdesk.remove(who, _ids(who)[0])
    return who


async def _assert_whole_and_free(desk: Desk, who: str) -> None:
    """The broken run changed nothing; one that sees a sound helpdesk finds what is gone."""
    assert set(await desk.tickets(who)) == set(_ids(who))
    assert not await desk.is_locked(who)
    desk.helpdesk.remove_faults()
    audit = await desk.ingest(who)
    assert (audit["status"], audit["deleted"]) == ("SUCCESS", 1)
    assert set(await desk.tickets(who)) == set(_ids(who)[1:])


def _ids(who: str) -> list[str]:
    # No other tenant has these: of a shared id a single absence proves nothing.
    return [f"{who}-{n}" for n in range(TICKETS)]
