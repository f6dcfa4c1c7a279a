"""Runs started once, whatever is sent twice, and stopped by whoever is asked."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from aiokafka import TopicPartition
from fastapi import FastAPI
from structlog.testing import capture_logs

from api.app import create_app
from api.run_models import Problem, Progress, RunAccepted, RunResult
from domain.topics import COMMANDS
from infra import collections
from infra.kafka import plain_consumer
from infra.leases import Leases
from infra.mongo import Mongo
from infra.settings import Settings
from infra.stored_pages import PageCounts
from tests.api.conftest import serving
from tests.api.crawls import Crawl
from tests.api.documents import store, ticket
from tests.integration.pipeline import eventually

pytestmark = pytest.mark.services

FAR = datetime(2999, 1, 1, tzinfo=UTC)
PAST = datetime(2001, 1, 1, tzinfo=UTC)


async def post(api: httpx.AsyncClient, key: str | None = None, **parameters: Any) -> httpx.Response:
    headers = {} if key is None else {"Idempotency-Key": key}
    parameters = {"tenant_id": "acme"} | parameters
    return await api.post("/ingest/run", params=parameters, headers=headers)


async def started(api: httpx.AsyncClient, **parameters: Any) -> str:
    answer = await post(api, **parameters)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["job_id"])


def refusal(answer: httpx.Response, status: int, kind: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    problem: dict[str, Any] = answer.json()
    Problem.model_validate(problem)
    assert problem["type"] == f"urn:deskstream:problem:{kind}"
    return problem


async def phase_of(api: httpx.AsyncClient, job_id: str) -> tuple[str, list[str]]:
    job = (await api.get(f"/ingest/progress/{job_id}")).json()
    return job["phase"], job["errors"]


# Stopping


async def test_another_process_stops_a_run_that_fetches(
    api: httpx.AsyncClient, crawl: Crawl, settings: Settings
) -> None:
    job_id = await started(api)
    await crawl.claim()

    async with serving(create_app(settings)) as elsewhere:
        answer = await elsewhere.delete(f"/ingest/{job_id}?wait=0")

    assert answer.status_code == 202
    Progress.model_validate(answer.json())
    assert answer.json()["phase"] == "applying"
    assert answer.json()["errors"] == ["cancelled on request"]
    assert not await crawl.claims.settle(crawl.job, "SUCCESS", [])


async def test_a_queued_run_is_stopped_and_its_end_waited_for(
    api: httpx.AsyncClient, crawl: Crawl
) -> None:
    job_id = await started(api)
    stopping = asyncio.create_task(api.delete(f"/ingest/{job_id}"))
    await eventually(lambda: phase_of(api, job_id), lambda seen: seen[0] == "applying")
    await crawl.apply(job_id, {})

    answer = await stopping

    assert answer.status_code == 200
    assert (answer.json()["phase"], answer.json()["status"]) == ("cancelled", "CANCELLED")
    assert await started(api) != job_id


async def test_a_run_is_stopped_once(api: httpx.AsyncClient, crawl: Crawl) -> None:
    job_id = await started(api)
    answers = await asyncio.gather(*(api.delete(f"/ingest/{job_id}?wait=0") for _ in range(6)))
    assert Counter(answer.status_code for answer in answers) == {202: 1, 409: 5}
    applying = refusal(await api.delete(f"/ingest/{job_id}"), 409, "run-ended")
    await crawl.apply(job_id, {})
    ended = refusal(await api.delete(f"/ingest/{job_id}"), 409, "run-ended")

    assert (applying["job_id"], applying["phase"]) == (job_id, "applying")
    assert (ended["job_id"], ended["phase"]) == (job_id, "cancelled")


async def test_a_run_that_nobody_knows_cannot_be_stopped(api: httpx.AsyncClient) -> None:
    refusal(await api.delete("/ingest/unknown"), 404, "job-not-found")
    refusal(await api.delete("/ingest/unknown?wait=301"), 422, "invalid-parameter")


async def test_the_run_of_all_tenants_is_stopped_as_a_whole(
    api: httpx.AsyncClient, crawl: Crawl, mongo: Mongo
) -> None:
    await store(mongo, ticket("T-1"), ticket("T-1", tenant_id="globex"))
    accepted = (await post(api, tenant_id="*")).json()
    parent, children = accepted["job_id"], accepted["jobs"]
    await crawl.claim()

    part = refusal(await api.delete(f"/ingest/{children['acme']}"), 409, "part-of-run")
    whole = await api.delete(f"/ingest/{parent}?wait=0")

    assert (part["job_id"], part["parent_id"]) == (children["acme"], parent)
    assert whole.status_code == 202
    cancelled = ("applying", ["cancelled on request"])
    for job_id in (parent, *children.values()):
        assert await phase_of(api, job_id) == cancelled
    for tenant_id, job_id in children.items():
        await crawl.apply(job_id, {})
        assert await started(api, tenant_id=tenant_id)
    assert (await phase_of(api, parent))[0] == "cancelled"


# Idempotency keys


async def test_one_key_is_one_run_however_often_it_is_sent(api: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(*(post(api, key="k-1") for _ in range(12)))

    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["job_id"] for answer in answers}) == 1
    assert len({answer.headers["Location"] for answer in answers}) == 1
    replayed = Counter(answer.headers.get("Idempotency-Replayed") for answer in answers)
    assert replayed == {None: 1, "true": 11}
    for answer in answers:
        RunAccepted.model_validate(answer.json())


async def test_a_key_answers_with_the_end_of_its_run(api: httpx.AsyncClient, crawl: Crawl) -> None:
    job_id = (await post(api, key='"k 1"')).json()["job_id"]
    waiting = asyncio.create_task(post(api, key="k 1", wait=60))
    await crawl.claim()
    await crawl.fetch(1, 1, {job_id: PageCounts(fetched=2, sent={0: 2})})
    await crawl.claims.settle(crawl.job, "SUCCESS", [])
    await crawl.apply(job_id, {0: {"new_ingested": 2}})
    other = await started(api)

    for answer in (await waiting, await post(api, key="k 1")):
        assert (answer.status_code, answer.headers["Idempotency-Replayed"]) == (200, "true")
        RunResult.model_validate(answer.json())
        assert (answer.json()["job_id"], answer.json()["new_ingested"]) == (job_id, 2)
    assert other != job_id


async def test_a_key_stands_for_one_request(api: httpx.AsyncClient, mongo: Mongo) -> None:
    await post(api, key="k-1")

    other = await post(api, key="k-1", confirm_deletions="true")

    problem = refusal(other, 422, "idempotency-key-reused")

    assert problem["errors"][0]["parameter"] == "Idempotency-Key"
    assert await mongo[collections.JOBS].count_documents({}) == 1


async def test_of_two_requests_with_one_key_one_is_refused(
    api: httpx.AsyncClient, mongo: Mongo
) -> None:
    wanted = [{"confirm_deletions": flag} for flag in ("true", "false") * 4]
    answers = await asyncio.gather(*(post(api, key="k-1", **each) for each in wanted))

    assert Counter(answer.status_code for answer in answers) == {202: 4, 422: 4}
    assert await mongo[collections.JOBS].count_documents({}) == 1


async def test_one_key_of_two_tenants_is_two(api: httpx.AsyncClient) -> None:
    """Else a tenant would learn from a refusal what another one calls its requests."""
    tenants = [f"t{n}" for n in range(4)]
    answers = await asyncio.gather(*(post(api, key="k-1", tenant_id=t) for t in tenants * 2))

    assert [answer.status_code for answer in answers] == [202] * 8
    assert len({answer.json()["job_id"] for answer in answers}) == 4
    assert Counter(a.headers.get("Idempotency-Replayed") for a in answers) == {None: 4, "true": 4}


@pytest.mark.parametrize("key", ["", '""', "x" * 256, "a\tb", "naïve", " "])
async def test_a_key_must_be_readable(api: httpx.AsyncClient, key: str) -> None:
    headers = [(b"Idempotency-Key", key.encode())]

    answer = await api.post("/ingest/run?tenant_id=acme", headers=headers)

    problem = refusal(answer, 422, "invalid-parameter")
    assert [error["parameter"] for error in problem["errors"]] == ["Idempotency-Key"]


async def test_two_keys_leave_open_which_was_meant(api: httpx.AsyncClient) -> None:
    headers = [("Idempotency-Key", "a"), ("Idempotency-Key", "b")]

    answer = await api.post("/ingest/run?tenant_id=acme", headers=headers)

    refusal(answer, 422, "invalid-parameter")


async def test_a_refused_request_leaves_its_key_unused(
    api: httpx.AsyncClient, crawl: Crawl, mongo: Mongo
) -> None:
    job_id = await started(api)
    refusal(await post(api, key="k-1"), 409, "tenant-busy")
    assert await mongo[collections.IDEMPOTENCY_KEYS].count_documents({}) == 0
    await api.delete(f"/ingest/{job_id}?wait=0")
    await crawl.apply(job_id, {})

    answer = await post(api, key="k-1")

    assert answer.status_code == 202
    assert "Idempotency-Replayed" not in answer.headers


async def test_a_key_is_kept_for_a_day(api: httpx.AsyncClient, crawl: Crawl, mongo: Mongo) -> None:
    job_id = (await post(api, key="k-1")).json()["job_id"]
    keys = mongo[collections.IDEMPOTENCY_KEYS]
    kept = await keys.find_one({"_id.key": "k-1"})
    await keys.update_one({"_id.key": "k-1"}, {"$set": {"purge_after": PAST}})

    busy = refusal(await post(api, key="k-1"), 409, "tenant-busy")
    await api.delete(f"/ingest/{job_id}?wait=0")
    await crawl.apply(job_id, {})
    again = await post(api, key="k-1")

    assert kept is not None
    left = kept["purge_after"] - datetime.now(UTC)
    assert timedelta(hours=23) < left <= timedelta(hours=24)
    assert "purge" in await keys.index_information()
    assert busy["job_id"] == job_id
    assert (again.status_code, again.json()["job_id"] == job_id) == (202, False)


# Who holds a tenant


async def test_confirmed_deletions_are_confirmed_for_every_tenant(
    api: httpx.AsyncClient, mongo: Mongo
) -> None:
    await store(mongo, ticket("T-1"), ticket("T-1", tenant_id="globex"))
    await post(api, tenant_id="*", confirm_deletions="true")

    confirmed = [job["confirm_deletions"] async for job in mongo[collections.JOBS].find()]

    assert confirmed == [True] * 3
    refusal(await post(api, confirm_deletions="perhaps"), 422, "invalid-parameter")


async def test_a_lease_that_names_no_run_is_respected(api: httpx.AsyncClient, mongo: Mongo) -> None:
    await mongo[collections.LEASES].insert_one({"_id": "acme", "expires_at": FAR})

    busy = refusal(await post(api), 409, "tenant-busy")
    lock = await api.get("/ingest/lock/acme")

    assert busy["job_id"] is None
    assert lock.status_code == 200
    assert (lock.json()["locked"], lock.json()["job_id"]) == (True, None)


@pytest.mark.parametrize(
    "lease",
    [
        {"expires_at": PAST},
        {"expires_at": PAST, "token": 7, "job_id": "gone", "crawl_id": "gone"},
        {"expires_at": None, "token": None},
        {"expires_at": "tomorrow", "token": "seven"},
        {},
    ],
)
async def test_a_lease_that_ran_out_is_taken_over(
    api: httpx.AsyncClient, mongo: Mongo, lease: dict[str, Any]
) -> None:
    await mongo[collections.LEASES].insert_one({"_id": "acme", **lease})

    answers = await asyncio.gather(*(post(api) for _ in range(6)))

    assert Counter(answer.status_code for answer in answers) == {202: 1, 409: 5}
    assert len({answer.json()["job_id"] for answer in answers}) == 1


async def test_a_run_of_all_tenants_takes_over_one_that_was_lost(
    api: httpx.AsyncClient, mongo: Mongo, crawl: Crawl
) -> None:
    await store(mongo, ticket("T-1"), ticket("T-1", tenant_id="globex"))
    lost = (await post(api, tenant_id="*")).json()
    await crawl.claim()
    await mongo[collections.LEASES].update_many({}, {"$set": {"expires_at": PAST}})

    answers = await asyncio.gather(*(post(api, tenant_id="*") for _ in range(4)))

    assert Counter(answer.status_code for answer in answers) == {202: 1, 409: 3}
    [successor] = [answer.json() for answer in answers if answer.status_code == 202]
    assert set(successor["jobs"]) == {"acme", "globex"}
    reason = f"taken over by run {successor['job_id']} after its lease expired"
    for job_id in (lost["job_id"], *lost["jobs"].values()):
        assert await phase_of(api, job_id) == ("applying", [reason])


async def test_a_run_whose_lease_is_gone_still_holds_its_tenant(
    api: httpx.AsyncClient, mongo: Mongo
) -> None:
    job_id = await started(api)
    await mongo[collections.LEASES].delete_many({})

    assert refusal(await post(api), 409, "tenant-busy")["job_id"] == job_id


async def test_the_index_refuses_what_the_lease_let_through(
    api: httpx.AsyncClient, mongo: Mongo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planted: every lease is free."""

    async def free(*_: object) -> dict[str, Any]:
        return {"crawl_id": None}

    monkeypatch.setattr(Leases, "take", free)

    answers = await asyncio.gather(*(post(api) for _ in range(6)))

    assert Counter(answer.status_code for answer in answers) == {202: 1, 409: 5}
    assert len({answer.json()["job_id"] for answer in answers}) == 1
    assert await mongo[collections.JOBS].count_documents({}) == 1


async def test_twelve_callers_of_two_processes_make_one_run_at_a_time(
    api: httpx.AsyncClient, app: FastAPI, crawl: Crawl, settings: Settings
) -> None:
    async with serving(create_app(settings)) as other:
        for _ in range(10):
            answers = await asyncio.gather(*(post((api, other)[n % 2]) for n in range(12)))
            assert Counter(answer.status_code for answer in answers) == {202: 1, 409: 11}
            [job_id] = {answer.json()["job_id"] for answer in answers}
            assert (await other.delete(f"/ingest/{job_id}?wait=0")).status_code == 202
            await crawl.apply(job_id, {})


async def test_a_run_knows_the_last_complete_one_of_its_tenant(
    api: httpx.AsyncClient, mongo: Mongo, crawl: Crawl
) -> None:
    known = []
    ids = []
    for complete in (True, False, True, False):
        ids.append(await started(api))
        job = await crawl.jobs.find(ids[-1])
        known.append(job["previous_complete"])
        await crawl.claim()
        await mongo[collections.JOBS].update_one({"_id": ids[-1]}, {"$set": {"complete": complete}})
        await crawl.claims.settle(crawl.job, "SUCCESS", [])
        await crawl.apply(ids[-1], {})

    assert known == [None, ids[0], ids[0], ids[2]]


# What asked for a run


async def commands(settings: Settings, job_id: str) -> list[dict[str, bytes]]:
    """The headers of the records on `ingestion.commands` that name a run."""
    consumer = plain_consumer(settings)
    await consumer.start()
    try:
        places = [
            TopicPartition(settings.topic(COMMANDS), partition)
            for partition in range(settings.kafka_partitions)
        ]
        consumer.assign(places)
        for place in places:
            consumer.seek(place, 0)
        found: list[dict[str, bytes]] = []
        while not found:
            for records in (await consumer.getmany(timeout_ms=500)).values():
                found += [dict(r.headers) for r in records if job_id in r.value.decode()]
        return found
    finally:
        await consumer.stop()


async def test_a_run_knows_the_request_that_asked_for_it(
    api: httpx.AsyncClient, settings: Settings, crawl: Crawl
) -> None:
    answer = await api.post(
        "/ingest/run", params={"tenant_id": "acme"}, headers={"X-Request-ID": "shift-7.42"}
    )
    job_id = answer.json()["job_id"]
    await crawl.claim()

    with capture_logs() as lines:
        await crawl.claims.settle(crawl.job, "SUCCESS", [])
        await crawl.apply(job_id, {})

    assert answer.headers["X-Request-ID"] == "shift-7.42"
    assert (await crawl.jobs.find(job_id))["request_id"] == "shift-7.42"
    assert await commands(settings, job_id) == [{"x-request-id": b"shift-7.42"}]
    [closed] = [line for line in lines if line["event"] == "run_closed"]
    assert (closed["job_id"], closed["request_id"]) == (job_id, "shift-7.42")


async def test_the_runs_of_a_run_of_all_tenants_know_it_too(
    api: httpx.AsyncClient, mongo: Mongo
) -> None:
    await store(mongo, ticket("T-1"), ticket("T-2", tenant_id="globex"))
    answer = await api.post("/ingest/run", params={"tenant_id": "*"})

    jobs = await mongo[collections.JOBS].find().to_list(None)

    assert len(jobs) == 3
    assert {job["request_id"] for job in jobs} == {answer.headers["X-Request-ID"]}
