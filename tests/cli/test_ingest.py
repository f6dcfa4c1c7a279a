"""`deskstream ingest`, on a real API; the run itself is moved by hand, as no worker runs."""

import asyncio
import json
import time
from datetime import UTC, datetime

import pytest

from infra import collections
from infra.mongo import Mongo
from tests.cli.commands import PATIENCE, Deskstream, is_one_line_error

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("topics")]


async def queued_job(mongo: Mongo, tenant_id: str) -> str:
    deadline = time.monotonic() + PATIENCE
    while (job := await mongo[collections.JOBS].find_one({"tenant_id": tenant_id})) is None:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
    return str(job["_id"])


async def end(mongo: Mongo, job_id: str, phase: str, outcome: str) -> None:
    fields = {"phase": phase, "outcome": outcome, "ended_at": datetime.now(UTC), "fetched": 7}
    await mongo[collections.JOBS].update_one({"_id": job_id}, {"$set": fields})


@pytest.mark.parametrize(
    ("phase", "outcome", "code"), [("completed", "SUCCESS", 0), ("failed", "FAILED", 1)]
)
async def test_the_exit_code_says_whether_the_run_completed(
    deskstream: Deskstream, mongo: Mongo, phase: str, outcome: str, code: int
) -> None:
    with deskstream.api(), deskstream.start("ingest", "--tenant", "acme") as process:
        job_id = await queued_job(mongo, "acme")
        assert process.stderr is not None
        shown = process.stderr.readline()  # before it ends, or nothing of the way is seen
        await end(mongo, job_id, phase, outcome)
        printed, progress = process.communicate(timeout=PATIENCE)

    assert process.returncode == code, progress
    assert shown.startswith("acme: 0%, queued")
    assert [line.split()[:3] for line in printed.splitlines() if "acme" in line] == [
        ["acme", outcome, "7"]
    ]


async def test_a_busy_tenant_is_one_line_that_names_the_run(
    deskstream: Deskstream, mongo: Mongo
) -> None:
    with deskstream.api(), deskstream.start("ingest", "--tenant", "acme") as first:
        job_id = await queued_job(mongo, "acme")
        second = deskstream.run("ingest", "--tenant", "acme")
        first.terminate()

    assert is_one_line_error(second)
    assert job_id in second.stderr


async def test_follow_watches_the_run_that_is_on(deskstream: Deskstream, mongo: Mongo) -> None:
    with deskstream.api(), deskstream.start("ingest", "--tenant", "acme") as first:
        job_id = await queued_job(mongo, "acme")
        first.terminate()
        with deskstream.start("ingest", "--tenant", "acme", "--follow", "--json") as second:
            await end(mongo, job_id, "completed", "SUCCESS")
            printed, _ = second.communicate(timeout=PATIENCE)

    assert second.returncode == 0
    assert json.loads(printed)["job"]["job_id"] == job_id
    assert await mongo[collections.JOBS].count_documents({}) == 1


async def test_a_run_is_stopped_and_its_end_told(deskstream: Deskstream, mongo: Mongo) -> None:
    with deskstream.api(), deskstream.start("ingest", "--tenant", "acme") as watching:
        job_id = await queued_job(mongo, "acme")
        stopped = deskstream.run("cancel", job_id)  # nobody applies its markers: it ends later
        again = deskstream.run("cancel", job_id)
        unknown = deskstream.run("cancel", "unknown")
        await end(mongo, job_id, "cancelled", "CANCELLED")
        watching.communicate(timeout=PATIENCE)

    assert (stopped.returncode, stopped.stderr) == (0, "")
    assert stopped.stdout == f"run {job_id} of acme fetches nothing more, and ends soon\n"
    assert watching.returncode == 1
    assert is_one_line_error(again)
    assert "applying" in again.stderr
    assert is_one_line_error(unknown)
    assert "no run has the id unknown" in unknown.stderr


async def test_what_is_stopped_is_printed_as_json(deskstream: Deskstream, mongo: Mongo) -> None:
    with deskstream.api(), deskstream.start("ingest", "--tenant", "acme") as watching:
        job_id = await queued_job(mongo, "acme")
        job = deskstream.json("cancel", job_id)
        watching.terminate()

    assert (job["job_id"], job["errors"]) == (job_id, ["cancelled on request"])


async def test_deletions_are_confirmed(deskstream: Deskstream, mongo: Mongo) -> None:
    confirming = ("ingest", "--tenant", "acme", "--confirm-deletions")
    with deskstream.api(), deskstream.start(*confirming) as process:
        job_id = await queued_job(mongo, "acme")
        process.terminate()

    job = await mongo[collections.JOBS].find_one({"_id": job_id})
    assert job is not None
    assert job["confirm_deletions"]
