"""Which crawl a worker takes, and which it leaves to others."""

import pytest

from infra import collections
from infra.claims import Claims
from infra.jobs import Jobs
from infra.leases import NEVER
from infra.mongo import Mongo

pytestmark = pytest.mark.services


@pytest.fixture
def jobs(mongo: Mongo) -> Jobs:
    """Jobs with leases of a minute."""
    return Jobs(mongo, lease_seconds=60, partitions=2)


@pytest.fixture
def claims(mongo: Mongo, jobs: Jobs) -> Claims:
    """A worker's claims."""
    return Claims(mongo, jobs, "worker-1")


async def test_the_longest_waiting_is_taken_first(jobs: Jobs, claims: Claims) -> None:
    wanted = [(await jobs.request(f"tenant-{number}"))["_id"] for number in range(3)]

    taken = [await claims.claim() for _ in range(4)]

    assert [job and job["_id"] for job in taken] == [*wanted, None]


async def test_crawls_under_way_do_not_hide_one_that_waits(jobs: Jobs, claims: Claims) -> None:
    for number in range(60):
        await jobs.request(f"tenant-{number}")
        assert await claims.claim()
    waiting = await jobs.request("one-more")

    taken = await claims.claim()

    assert taken is not None
    assert taken["_id"] == waiting["_id"]


async def test_a_crawl_whose_lease_ran_out_is_resumed(
    mongo: Mongo, jobs: Jobs, claims: Claims
) -> None:
    await jobs.request("acme")
    first = await claims.claim()
    held = await claims.claim()
    await mongo[collections.LEASES].update_one({"_id": "acme"}, {"$set": {"expires_at": NEVER}})

    again = await Claims(mongo, jobs, "worker-2").claim()

    assert first is not None
    assert held is None
    assert again is not None
    assert (again["_id"], again["resumes"]) == (first["_id"], 1)
    assert again["token"] > first["token"]
