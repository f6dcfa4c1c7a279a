"""The reaper ends what nobody goes on with, and nothing else."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from dev.ports import LOOPBACK, free_port
from infra import collections
from infra.claims import Claims
from infra.jobs import Jobs
from infra.mongo import Document, Mongo
from infra.reaper import Reaper
from infra.retrying import in_transaction
from infra.run_requests import RunRequests
from infra.settings import Settings

pytestmark = pytest.mark.services

LEASE = 60.0
LOST = "its worker was lost and nobody resumed it within 60 s"


class Runs:
    """Jobs, and the clock of their leases, which a test moves on by moving the leases back."""

    def __init__(self, mongo: Mongo, partitions: int) -> None:
        self.mongo = mongo
        self.jobs = Jobs(mongo, lease_seconds=LEASE, partitions=partitions)
        self.claims = Claims(mongo, self.jobs, "worker-1")
        self.reaper = Reaper(mongo, self.jobs)

    async def begun(self, tenant_id: str = "acme", *known: str) -> Document:
        """A run that a worker has claimed."""
        await self.jobs.request(tenant_id, known)
        job = await self.claims.claim()
        assert job is not None
        return job

    async def pass_time(self, seconds: float) -> None:
        """Let every lease be so much older."""
        earlier = {"$subtract": ["$expires_at", round(seconds * 1000)]}
        await self.mongo[collections.LEASES].update_many({}, [{"$set": {"expires_at": earlier}}])

    async def outcomes(self) -> dict[str, Any]:
        """The outcome of each tenant's run."""
        return {
            job["tenant_id"]: job["outcome"] async for job in self.mongo[collections.JOBS].find()
        }


@pytest.fixture
def runs(mongo: Mongo, settings: Settings) -> Runs:
    return Runs(mongo, settings.kafka_partitions)


async def test_a_crawl_is_given_a_lease_time_to_be_resumed(runs: Runs) -> None:
    job = await runs.begun()
    fresh = await runs.reaper.reap()
    await runs.pass_time(LEASE + 1)
    expired = await runs.reaper.reap()
    await runs.pass_time(LEASE)
    reaped = await runs.reaper.reap()
    again = await runs.reaper.reap()

    assert (fresh, expired, reaped, again) == ([], [], [job["_id"]], [])
    ended = await runs.jobs.find(job["_id"])
    assert (ended["phase"], ended["outcome"], ended["errors"]) == (
        "applying",
        "INTERRUPTED",
        [LOST],
    )
    stored = await runs.mongo[collections.CRAWL_OUTBOX].distinct("crawl_id")
    assert stored == [job["_id"]]  # the markers: from here it ends like any other


async def test_a_run_of_all_tenants_is_reaped_as_a_whole(runs: Runs) -> None:
    await runs.begun("*", "acme", "globex")
    await runs.pass_time(2 * LEASE + 1)

    assert len(await runs.reaper.reap()) == 1
    assert await runs.outcomes() == dict.fromkeys(("*", "acme", "globex"), "INTERRUPTED")


async def test_of_many_reapers_one_ends_a_crawl(runs: Runs) -> None:
    job = await runs.begun()
    await runs.pass_time(2 * LEASE + 1)

    reaped = await asyncio.gather(*(Reaper(runs.mongo, runs.jobs).reap() for _ in range(8)))

    assert [one for found in reaped for one in found] == [job["_id"]]
    assert (await runs.jobs.find(job["_id"]))["errors"] == [LOST]


@pytest.mark.parametrize("of_another", [None, {"crawl_id": "other", "job_id": "other"}])
async def test_a_crawl_without_its_lease_is_ended(
    runs: Runs, of_another: dict[str, str] | None
) -> None:
    job = await runs.begun()
    leases = runs.mongo[collections.LEASES]
    await leases.delete_many({})
    if of_another:
        until = datetime.now(UTC) + timedelta(hours=1)
        await leases.insert_one({"_id": "acme", "expires_at": until, **of_another})

    assert await runs.reaper.reap() == [job["_id"]]
    assert (await runs.jobs.find(job["_id"]))["errors"] == ["its lease was lost"]
    assert await leases.count_documents({"crawl_id": "other"}) == (of_another is not None)


async def test_what_does_not_fetch_is_left_alone(runs: Runs) -> None:
    applying = await runs.begun("acme")
    await runs.claims.settle(applying, "SUCCESS", [])
    await runs.jobs.request("globex")
    await runs.pass_time(3 * LEASE)
    await runs.mongo[collections.LEASES].delete_one({"_id": "acme"})

    assert await runs.reaper.reap() == []
    assert await runs.outcomes() == {"acme": "SUCCESS", "globex": None}


async def test_a_crawl_that_is_resumed_meanwhile_goes_on(runs: Runs) -> None:
    """The look at all crawls is older than the transaction, which looks again."""
    await runs.begun()
    await runs.pass_time(2 * LEASE + 1)
    [lost] = await runs.reaper._lost({})
    resumed = await runs.claims.claim()

    ended = await in_transaction(
        runs.mongo, lambda session: runs.reaper._interrupt(lost["_id"], session)
    )

    assert resumed is not None
    assert not ended
    assert await runs.outcomes() == {"acme": None}


async def test_a_look_walks_only_what_fetches(runs: Runs) -> None:
    """A thousand runs of the past cost nothing."""
    past = [{"_id": f"j-{n}", "phase": "completed", "parent_id": None} for n in range(1000)]
    await runs.mongo[collections.JOBS].insert_many(past)
    await runs.begun()
    command = {
        "aggregate": collections.JOBS,
        "pipeline": runs.reaper._pipeline({}),
        "cursor": {},
        "hint": "queue",
    }

    explained = await runs.mongo.database.command(
        {"explain": command, "verbosity": "executionStats"}
    )

    walked = explained["stages"][0]["$cursor"]["executionStats"]["totalDocsExamined"]
    assert walked <= 2  # the job, and its lease


async def test_the_reaper_waits_for_mongodb(settings: Settings) -> None:
    uri = SecretStr(f"mongodb://{LOOPBACK}:{free_port()}/?replicaSet=rs0")
    mongo = Mongo(settings.model_copy(update={"mongodb_uri": uri}))
    reaping = asyncio.create_task(Reaper(mongo, Jobs(mongo, lease_seconds=1, partitions=1)).run())

    done, _ = await asyncio.wait([reaping], timeout=7)  # the driver waits for 5

    assert not done
    reaping.cancel()
    await asyncio.wait([reaping])
    mongo.close()


async def test_a_run_that_was_reaped_cannot_be_cancelled(runs: Runs) -> None:
    job = await runs.begun()
    await runs.pass_time(2 * LEASE + 1)
    requests = RunRequests(runs.mongo, runs.jobs)

    ended = await asyncio.gather(
        runs.reaper.reap(), requests.cancel(job["_id"]), return_exceptions=True
    )

    failures = [one for one in ended if isinstance(one, Exception)]
    outcome = (await runs.jobs.find(job["_id"]))["outcome"]
    assert (outcome, len(failures)) in [("INTERRUPTED", 1), ("CANCELLED", 0)]
