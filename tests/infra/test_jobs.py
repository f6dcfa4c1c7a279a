"""Jobs: one that is open per tenant, settled once, joined by tenants that a crawl meets."""

import asyncio
from collections import Counter
from functools import partial
from typing import Any

import pytest

from domain.errors import DeskstreamError, LeaseLostError, TenantBusyError
from domain.records import RunOutcome
from infra import collections
from infra.claims import Claims
from infra.jobs import Jobs
from infra.leases import Leases
from infra.mongo import Document, Mongo
from infra.retrying import in_transaction
from infra.run_requests import RunRequests
from infra.settings import Settings

pytestmark = pytest.mark.services


@pytest.fixture
def jobs(mongo: Mongo, settings: Settings) -> Jobs:
    return Jobs(mongo, lease_seconds=60, partitions=settings.kafka_partitions)


async def crawl_of_all(mongo: Mongo, jobs: Jobs) -> Document:
    """A `*` crawl that a worker has claimed; it knows of no tenant yet."""
    await jobs.request("*")
    job = await Claims(mongo, jobs, "worker-1").claim()
    assert job is not None
    return job


async def join(mongo: Mongo, jobs: Jobs, crawl_id: str, tenant_id: str) -> str | None:
    await jobs.leases.prepare(tenant_id)
    return await in_transaction(mongo, partial(jobs.join, crawl_id, tenant_id))


async def settle(mongo: Mongo, jobs: Jobs, crawl_id: str, outcome: RunOutcome) -> bool:
    return await in_transaction(
        mongo, lambda session: jobs.settle(crawl_id, outcome, [f"${outcome}"], session)
    )


async def test_a_tenant_that_a_crawl_meets_joins_it_once(mongo: Mongo, jobs: Jobs) -> None:
    crawl = await crawl_of_all(mongo, jobs)

    first = await join(mongo, jobs, crawl["_id"], "acme")
    second = await join(mongo, jobs, crawl["_id"], "acme")

    assert first is not None
    assert first == second
    child = await jobs.find(first)
    assert (child["phase"], child["crawl_id"], child["parent_id"]) == (
        "fetching",
        *[crawl["_id"]] * 2,
    )
    assert (await jobs.find(crawl["_id"]))["jobs"] == {"acme": first}


async def test_a_busy_tenant_does_not_join(mongo: Mongo, jobs: Jobs) -> None:
    crawl = await crawl_of_all(mongo, jobs)
    await jobs.request("acme")

    assert await join(mongo, jobs, crawl["_id"], "acme") is None
    assert (await jobs.find(crawl["_id"]))["jobs"] == {}


async def test_nobody_joins_a_crawl_that_was_stopped(mongo: Mongo, jobs: Jobs) -> None:
    crawl = await crawl_of_all(mongo, jobs)
    requests = RunRequests(mongo, jobs)

    outcomes = await asyncio.gather(
        *(join(mongo, jobs, crawl["_id"], f"t-{n}") for n in range(4)),
        requests.cancel(crawl["_id"]),
        *(join(mongo, jobs, crawl["_id"], f"t-{n}") for n in range(4, 8)),
        return_exceptions=True,
    )

    lost = [one for one in outcomes if isinstance(one, LeaseLostError)]
    found = [job async for job in mongo[collections.JOBS].find()]
    assert {job["phase"] for job in found} == {"applying"}
    assert len(found) == 9 - len(lost)
    with pytest.raises(LeaseLostError):
        await join(mongo, jobs, crawl["_id"], "t-9")


async def test_the_index_stands_behind_the_lease_of_who_joins(
    mongo: Mongo, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planted: every lease is free."""
    crawl = await crawl_of_all(mongo, jobs)
    on = await jobs.request("acme")

    async def free(*_: object) -> dict[str, Any]:
        return {"crawl_id": None}

    monkeypatch.setattr(Leases, "take", free)

    with pytest.raises(TenantBusyError, match=on["_id"]):
        await join(mongo, jobs, crawl["_id"], "acme")


async def test_one_outcome_is_fixed_with_its_reason(mongo: Mongo, jobs: Jobs) -> None:
    crawl = await crawl_of_all(mongo, jobs)
    child = await join(mongo, jobs, crawl["_id"], "acme")
    outcomes: list[RunOutcome] = ["SUCCESS", "FAILED", "CANCELLED", "INTERRUPTED"] * 3

    settled = await asyncio.gather(
        *(settle(mongo, jobs, crawl["_id"], outcome) for outcome in outcomes)
    )

    assert Counter(settled) == {True: 1, False: 11}
    outcome = outcomes[settled.index(True)]
    assert child is not None
    for job_id in (crawl["_id"], child):
        job = await jobs.find(job_id)
        assert (job["outcome"], job["errors"]) == (outcome, [f"${outcome}"])
    [markers] = await mongo[collections.CRAWL_OUTBOX].find().to_list(None)
    assert markers["_id"] == f"{child}:ended"


@pytest.mark.parametrize(("partial", "outcome"), [(True, "PARTIAL_SUCCESS"), (False, "SUCCESS")])
async def test_a_success_with_reservations_is_a_partial_one(
    mongo: Mongo, jobs: Jobs, partial: bool, outcome: str
) -> None:
    job_id = (await jobs.request("acme"))["_id"]
    await mongo[collections.JOBS].update_one({"_id": job_id}, {"$set": {"partial": partial}})

    await settle(mongo, jobs, job_id, "SUCCESS")

    assert (await jobs.find(job_id))["outcome"] == outcome


async def test_all_tenants_are_busy_only_if_none_is_free(jobs: Jobs) -> None:
    acme = await jobs.request("acme")
    first = await jobs.request("*", ["acme", "globex"])

    assert set(first["jobs"]) == {"globex"}
    with pytest.raises(TenantBusyError, match=first["_id"]):
        await jobs.request("*", ["acme", "globex"])
    assert acme["_id"] not in first["jobs"].values()
    assert first["skipped"] == ["acme"]


async def test_a_star_run_that_gets_no_tenant_leaves_nothing(mongo: Mongo, jobs: Jobs) -> None:
    acme = await jobs.request("acme")

    with pytest.raises(TenantBusyError, match=acme["_id"]):
        await jobs.request("*", ["acme"])

    assert await mongo[collections.JOBS].count_documents({}) == 1
    assert await jobs.leases.find("*") is None


async def test_forty_first_requests_make_one_lease(mongo: Mongo, jobs: Jobs) -> None:
    ended = await asyncio.gather(*(jobs.request("acme") for _ in range(40)), return_exceptions=True)

    assert all(isinstance(one, dict | DeskstreamError) for one in ended)
    assert sum(isinstance(one, dict) for one in ended) == 1
    assert await mongo[collections.LEASES].count_documents({}) == 1
