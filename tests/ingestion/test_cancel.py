"""DELETE /ingest/{job_id} through another API process than the one that started the run."""

import asyncio
import time

import pytest

from dev.helpdesk.faults import AnyFault, Garbage, Hang, Refusal, SlowAnswer
from dev.helpdesk.records import RequestRecord
from tests.ingestion.desk import PAGES, Desk, ticket_row
from tests.integration.pipeline import tenant

pytestmark = [pytest.mark.services, pytest.mark.asyncio(loop_scope="session")]

PAGE_SECONDS = 0.2


async def test_a_crawl_that_is_stopped_calls_the_helpdesk_no_more(desk: Desk) -> None:
    late = [await _late_calls(desk) for _ in range(5)]

    # A call may leave in the very moment in which the run is stopped.
    assert sum(late) <= 1, late


async def _late_calls(desk: Desk) -> int:
    """Stop a crawl through another process; return how many calls came after that."""
    who = tenant()
    desk.helpdesk.remove_faults()
    desk.helpdesk.install_faults([SlowAnswer(seconds=PAGE_SECONDS, times=None)])
    desk.helpdesk.forget_requests()
    job_id = await desk.begin(who, pages=1)

    stopped = await desk.cancel(job_id, api=1, wait=0)
    answered_at = time.monotonic()
    # There is nothing to wait for where nothing is to happen.
    await asyncio.sleep(4 * PAGE_SECONDS)

    assert stopped.status_code in (200, 202)
    late = len(_after(desk, answered_at))
    assert desk.pages_read() in ([1, 2], [1, 2, 3])  # the last of them was under way
    return late


async def test_a_run_that_is_stopped_has_ended_and_keeps_what_it_read(desk: Desk) -> None:
    who = tenant()
    desk.helpdesk.insert(*(ticket_row(who, f"T-{n}") for n in range(20)), position=0)
    desk.helpdesk.install_faults([SlowAnswer(seconds=PAGE_SECONDS, times=None)])
    job_id = await desk.begin(who, pages=1)

    await desk.cancel(job_id, api=1, wait=0)
    second = await desk.cancel(job_id, api=0)
    ended = await desk.ended(job_id)
    audit = await desk.audit(job_id)

    assert second.status_code == 409
    assert (ended["phase"], ended["percent"] < 100) == ("cancelled", True)
    assert (audit["status"], audit["errors"]) == ("CANCELLED", ["cancelled on request"])
    assert set(await desk.tickets(who)) == {f"T-{n}" for n in range(20)}
    assert not await desk.is_locked(who)


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(Refusal(status=429, retry_after="60", page=2, times=None), id="60 s"),
        pytest.param(Refusal(status=503, page=2, times=None), id="503"),
        pytest.param(
            Refusal(status=429, retry_date_in=60.0, page=2, times=None),
            id="a date",
            marks=pytest.mark.faults,
        ),
        pytest.param(Garbage(page=2, times=None), id="garbage", marks=pytest.mark.faults),
        pytest.param(Hang(page=2, times=None), id="no answer", marks=pytest.mark.faults),
    ],
)
async def test_a_crawl_that_waits_is_stopped_at_once(desk: Desk, fault: AnyFault) -> None:
    who = tenant()
    desk.helpdesk.insert(ticket_row(who, "T-1"), position=0)
    desk.helpdesk.install_faults([fault])
    job_id = await desk.begin(who, pages=1)
    asked_at = time.monotonic()

    stopped = await desk.cancel(job_id, api=1, wait=10)
    answered_at = time.monotonic()
    desk.helpdesk.remove_faults()
    await desk.forgive()
    free = await desk.start_run(who, wait=20)

    assert (stopped.status_code, stopped.json()["status"]) == (200, "CANCELLED")
    assert answered_at - asked_at < 3
    assert (free.status_code, free.json()["status"]) == (200, "SUCCESS")
    assert time.monotonic() - answered_at < 5
    assert free.json()["unchanged"] == 1
    later = [call for call in _after(desk, answered_at) if call.path == PAGES]
    assert len(later) == free.json()["pages_done"]


async def test_a_run_that_is_stopped_deletes_nothing(desk: Desk) -> None:
    who = tenant()
    ids = [f"{who}-{n}" for n in range(10)]
    desk.helpdesk.insert(*(ticket_row(who, id_) for id_ in ids), position=0)
    await desk.ingest(who)
    desk.helpdesk.remove(who, ids[0])
    desk.helpdesk.update(who, ids[1], subject="Seen before the end")
    desk.helpdesk.install_faults([SlowAnswer(seconds=PAGE_SECONDS, times=None)])
    job_id = await desk.begin(who, pages=2)

    await desk.cancel(job_id, api=1, wait=10)
    audit = await desk.audit(job_id)

    assert (audit["status"], audit["deleted"], audit["updated"]) == ("CANCELLED", 0, 1)
    assert set(await desk.tickets(who)) == set(ids)
    assert (await desk.history(who, ids[1]))[-1]["job_id"] == job_id
    desk.helpdesk.remove_faults()
    assert (await desk.ingest(who))["deleted"] == 1


async def test_a_run_that_has_hardly_begun_is_stopped(desk: Desk) -> None:
    who = tenant()
    desk.helpdesk.install_faults([SlowAnswer(seconds=PAGE_SECONDS, times=None)])
    job_id = await desk.begin(who)

    stopped = await desk.cancel(job_id, api=1, wait=10)
    audit = await desk.audit(job_id)

    assert (stopped.status_code, stopped.json()["status"]) == (200, "CANCELLED")
    assert (audit["fetched"], audit["status"]) == (audit["foreign"], "CANCELLED")


async def test_only_a_run_that_is_on_can_be_stopped(desk: Desk) -> None:
    audit = await desk.ingest(tenant())

    ended = await desk.cancel(audit["job_id"])
    unknown = await desk.cancel("00000000-0000-4000-8000-000000000000")

    assert [ended.status_code, unknown.status_code] == [409, 404]
    assert (await desk.audit(audit["job_id"])) == audit


async def test_of_many_that_stop_a_run_one_does(desk: Desk) -> None:
    desk.helpdesk.install_faults([SlowAnswer(seconds=PAGE_SECONDS, times=None)])
    job_id = await desk.begin(tenant(), pages=1)

    answers = await asyncio.gather(*(desk.cancel(job_id, api=n % 2, wait=10) for n in range(6)))

    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 5


def _after(desk: Desk, moment: float) -> list[RequestRecord]:
    return [call for call in desk.calls() if call.arrived_monotonic > moment]
