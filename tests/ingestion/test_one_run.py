"""One run per tenant at a time, whichever of two API processes is asked, and however often."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import httpx
import pytest

from dev.helpdesk.faults import Refusal, SlowAnswer
from infra import collections
from tests.ingestion.desk import Desk, reconciled, ticket_row
from tests.integration.pipeline import tenant

pytestmark = [pytest.mark.services, pytest.mark.asyncio(loop_scope="session")]

ASKED_AT_ONCE = 12
ROUNDS = 10


async def test_of_twelve_requests_at_once_one_is_accepted(desk: Desk) -> None:
    who = tenant()
    desk.helpdesk.insert(ticket_row(who, "T-1"))
    desk.helpdesk.install_faults([SlowAnswer(seconds=0.1, times=None)])
    accepted = []

    for _ in range(ROUNDS):
        answers = await _asked_at_once(desk, who)
        (job_id,) = _accepted(answers)
        refused = [a.json().get("job_id") for a in answers if a.status_code == 409]
        assert refused == [job_id] * (ASKED_AT_ONCE - 1)
        accepted.append(job_id)
        await desk.ended(job_id)

    await _assert_no_overlap(desk, who, accepted)


async def test_runs_of_a_tenant_that_many_ask_for_without_pause_never_overlap(desk: Desk) -> None:
    who = tenant()
    desk.helpdesk.insert(ticket_row(who, "T-1"))
    accepted: list[str] = []

    async def insist(number: int) -> None:
        while len(accepted) < ROUNDS:
            answer = await desk.start_run(who, api=number % len(desk.apis))
            assert answer.status_code in (202, 409), answer.text
            accepted.extend(_accepted([answer]))

    async with asyncio.timeout(60):
        await asyncio.gather(*(insist(number) for number in range(6)))
    await asyncio.gather(*(desk.ended(job_id) for job_id in accepted))

    await _assert_no_overlap(desk, who, accepted)


async def test_a_lease_that_another_program_holds_is_respected(desk: Desk) -> None:
    who = tenant()
    await _leave_lease(desk, who, timedelta(hours=1))

    answers = await _asked_at_once(desk, who)

    assert Counter(answer.status_code for answer in answers) == {409: ASKED_AT_ONCE}
    assert {answer.json().get("job_id") for answer in answers} == {None}
    assert await desk.is_locked(who)
    assert await desk.audits(who) == []
    assert desk.calls() == []


@pytest.mark.parametrize("fields", [{}, {"job_id": "somebody's", "crawl_id": "somebody's"}])
async def test_a_lease_that_expired_is_taken_over_once(desk: Desk, fields: dict[str, Any]) -> None:
    who = tenant()
    desk.helpdesk.insert(ticket_row(who, "T-1"))
    desk.helpdesk.install_faults([SlowAnswer(seconds=0.1, times=None)])
    await _leave_lease(desk, who, timedelta(seconds=-1), **fields)

    answers = await _asked_at_once(desk, who)

    (job_id,) = _accepted(answers)
    assert (await desk.ended(job_id))["status"] == "SUCCESS"
    assert set(await desk.tickets(who)) == {"T-1"}
    assert not await desk.is_locked(who)


async def test_a_retry_after_beyond_the_lease_is_waited_for_by_one_run(desk: Desk) -> None:
    who = tenant()
    lease_seconds = desk.deployment.settings.lease_seconds
    seconds = int(2.5 * lease_seconds)
    desk.helpdesk.insert(ticket_row(who, "T-1"))
    desk.helpdesk.install_faults([Refusal(status=429, retry_after=str(seconds), page=2)])
    job_id = await desk.begin(who, pages=1)

    refused = []
    while (await desk.progress(job_id))["phase"] in ("queued", "fetching"):
        refused += await _asked_at_once(desk, who)
        await asyncio.sleep(lease_seconds / 4)
    ended = await desk.ended(job_id)

    assert len(refused) >= 5 * ASKED_AT_ONCE  # beyond the first lease
    named = {(a.status_code, a.json().get("job_id")) for a in refused}
    assert named == {(409, job_id)}
    assert (ended["status"], ended["errors"]) == ("SUCCESS", [])
    assert reconciled(await desk.audit(job_id))
    asked = desk.calls()
    waits = [later.arrived_monotonic - one.arrived_monotonic for one, later in pairwise(asked)]
    assert [call.status for call in asked].count(429) == 1
    assert max(waits) >= seconds
    assert len(await desk.audits(who)) == 1


async def _asked_at_once(desk: Desk, tenant_id: str) -> list[httpx.Response]:
    """The answers to many simultaneous requests for a run, through all API processes."""
    requests = (
        desk.start_run(tenant_id, api=number % len(desk.apis)) for number in range(ASKED_AT_ONCE)
    )
    return list(await asyncio.gather(*requests))


def _accepted(answers: Sequence[httpx.Response]) -> list[str]:
    return [answer.json()["job_id"] for answer in answers if answer.status_code == 202]


async def _assert_no_overlap(desk: Desk, tenant_id: str, job_ids: Sequence[str]) -> None:
    """Exactly these runs left an audit, and each began after the one before had ended."""
    for job_id in job_ids:
        await desk.audit(job_id)
    audits = sorted(await desk.audits(tenant_id), key=lambda audit: str(audit["started_at"]))
    assert sorted(audit["job_id"] for audit in audits) == sorted(job_ids)
    assert all(earlier["ended_at"] <= later["started_at"] for earlier, later in pairwise(audits))
    assert {audit["status"] for audit in audits} == {"SUCCESS"}
    assert all(map(reconciled, audits))


async def _leave_lease(desk: Desk, tenant_id: str, ends_in: timedelta, **fields: Any) -> None:
    """What another program might leave behind: a lease with no job of ours."""
    ends = datetime.now(UTC) + ends_in
    lease = {"_id": tenant_id, "expires_at": ends, **fields}
    await desk.mongo[collections.LEASES].insert_one(lease)
