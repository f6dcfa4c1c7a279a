"""Runs: started once at a time, watched while they last, remembered afterwards."""

import asyncio
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaConsumer
from pydantic import BaseModel

from api.app import create_app
from api.run_models import AuditPage, LockView, Progress, RunAccepted, RunResult, RunStatus
from dev.ports import free_port
from infra import collections
from infra.mongo import Mongo
from infra.settings import Settings
from infra.stored_pages import PageCounts
from tests.api.conftest import serving
from tests.api.crawls import Crawl
from tests.api.documents import NOON, run_audit, store, ticket

pytestmark = pytest.mark.services


async def shown(api: httpx.AsyncClient, url: str, model: type[BaseModel]) -> dict[str, Any]:
    answer = await api.get(url)
    assert answer.status_code == 200, answer.text
    model.model_validate(answer.json())
    content: dict[str, Any] = answer.json()
    return content


async def start(api: httpx.AsyncClient, tenant_id: str = "acme") -> str:
    answer = await api.post("/ingest/run", params={"tenant_id": tenant_id})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["job_id"])


async def test_of_twelve_callers_one_starts_the_run(api: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(
        *(api.post("/ingest/run", params={"tenant_id": "acme"}) for _ in range(12))
    )

    assert Counter(answer.status_code for answer in answers) == {202: 1, 409: 11}
    [job_id] = {answer.json()["job_id"] for answer in answers}
    [accepted] = [answer for answer in answers if answer.status_code == 202]
    RunAccepted.model_validate(accepted.json())
    assert accepted.json()["status"] == "queued"
    assert accepted.headers["Location"] == f"/ingest/progress/{job_id}"


async def test_the_location_stays_under_the_prefix(api: httpx.AsyncClient) -> None:
    accepted = await api.post("/v1/ingest/run?tenant_id=acme")

    assert accepted.headers["Location"].startswith("/v1/ingest/progress/")
    assert (await api.get(accepted.headers["Location"])).status_code == 200


async def test_a_wait_that_runs_out_is_accepted(api: httpx.AsyncClient) -> None:
    begun = asyncio.get_running_loop().time()

    answer = await api.post("/ingest/run?tenant_id=acme&wait=0.3")

    assert answer.status_code == 202
    assert 0.3 <= asyncio.get_running_loop().time() - begun < 3


async def test_a_run_starts_while_kafka_is_down(mongo: Mongo, settings: Settings) -> None:
    """Workers poll; the record on the topic only wakes them."""
    nowhere = f"127.0.0.1:{free_port()}"
    async with serving(
        create_app(settings.model_copy(update={"kafka_bootstrap_servers": nowhere}))
    ) as client:
        begun = time.monotonic()
        answer = await client.post("/ingest/run?tenant_id=acme")

    assert answer.status_code == 202
    assert time.monotonic() - begun < 5


async def test_a_wait_that_runs_out_tells_how_far_the_run_is(
    api: httpx.AsyncClient, crawl: Crawl
) -> None:
    waiting = asyncio.create_task(api.post("/ingest/run?tenant_id=acme&wait=1.5"))
    await crawl.claim()

    answer = await waiting

    assert (answer.status_code, answer.json()["status"]) == (202, "fetching")


async def test_a_wait_ends_with_the_run_and_its_counters(
    api: httpx.AsyncClient, crawl: Crawl
) -> None:
    waiting = asyncio.create_task(api.post("/ingest/run?tenant_id=acme&wait=60"))
    await crawl.claim()
    job_id = crawl.job["_id"]
    counted = PageCounts(fetched=5, foreign=1, rejected=1, sent={0: 2, 1: 1})
    await crawl.fetch(1, 1, {job_id: counted})
    await crawl.claims.settle(crawl.job, "SUCCESS", [])
    await crawl.apply(job_id, {0: {"new_ingested": 2}, 1: {"updated": 1}})

    answer = await waiting

    assert answer.status_code == 200
    RunResult.model_validate(answer.json())
    result = answer.json()
    assert (result["status"], result["phase"], result["percent"]) == ("SUCCESS", "completed", 100)
    wanted = {"fetched": 5, "new_ingested": 2, "updated": 1, "foreign": 1, "rejected": 1}
    assert {name: result[name] for name in wanted} == wanted
    assert {name: result["counters"][name] for name in wanted} == wanted


async def test_progress_grows_and_is_whole_only_at_the_end(
    api: httpx.AsyncClient, crawl: Crawl
) -> None:
    job_id = await start(api)
    url = f"/ingest/progress/{job_id}"
    seen = [await shown(api, url, Progress)]
    await crawl.claim()
    for page in (1, 2, 3):
        await crawl.fetch(page, 3, {job_id: PageCounts(fetched=4, sent={page % 2: 4})})
        seen.append(await shown(api, url, Progress))
    await crawl.claims.settle(crawl.job, "SUCCESS", [])
    seen.append(await shown(api, url, Progress))
    await crawl.compare(job_id, 0, new_ingested=3, unchanged=1)
    seen.append(await shown(api, url, Progress))
    await crawl.compare(job_id, 1, new_ingested=8)
    seen.append(await shown(api, url, Progress))
    await crawl.apply(job_id, {0: {"new_ingested": 3, "unchanged": 1}, 1: {"new_ingested": 8}})
    seen.append(await shown(api, url, Progress))

    assert [s["percent"] for s in seen] == [0, 26.4, 52.8, 80, 80, 86.3, 99, 100]
    assert [s["phase"] for s in seen] == [
        "queued",
        *["fetching"] * 3,
        *["applying"] * 3,
        "completed",
    ]
    assert [s["status"] for s in seen] == [None] * 7 + ["SUCCESS"]
    assert [s["tickets_applied"] for s in seen] == [0, 0, 0, 0, 0, 4, 12, 12]
    assert (seen[2]["pages_done"], seen[2]["pages_total"], seen[2]["tickets_fetched"]) == (2, 3, 8)
    assert seen[0]["eta_seconds"] is None
    assert seen[2]["eta_seconds"] >= 0
    assert seen[-1]["eta_seconds"] == 0


async def test_a_run_that_failed_is_never_whole(api: httpx.AsyncClient, crawl: Crawl) -> None:
    job_id = await start(api)
    await crawl.claim()
    await crawl.fetch(1, 2, {job_id: PageCounts(fetched=2, sent={0: 2})})
    await crawl.claims.settle(crawl.job, "FAILED", ["the helpdesk is gone"])
    await crawl.compare(job_id, 0, new_ingested=2)
    applying = await shown(api, f"/ingest/progress/{job_id}", Progress)
    await crawl.apply(job_id, {0: {"new_ingested": 2}})

    ended = await shown(api, f"/ingest/progress/{job_id}", Progress)

    assert (applying["percent"], ended["percent"]) == (40, 40)
    assert (ended["phase"], ended["status"]) == ("failed", "FAILED")
    assert ended["errors"] == ["the helpdesk is gone"]


async def test_a_run_of_all_tenants_adds_up(
    api: httpx.AsyncClient, crawl: Crawl, mongo: Mongo
) -> None:
    await store(mongo, ticket("T-1"), ticket("T-1", tenant_id="globex"))
    accepted = (await api.post("/ingest/run", params={"tenant_id": "*"})).json()
    parent, children = accepted["job_id"], accepted["jobs"]
    await crawl.claim()
    counts = {children["acme"]: PageCounts(fetched=3, rejected=1, sent={0: 2})}
    counts[children["globex"]] = PageCounts(fetched=2, sent={1: 2})
    await crawl.fetch(1, 1, {parent: PageCounts(fetched=6, foreign=1), **counts})
    fetched = await shown(api, f"/ingest/progress/{children['acme']}", Progress)
    await crawl.claims.settle(crawl.job, "SUCCESS", [])
    await crawl.compare(children["acme"], 0, new_ingested=2)
    applying = await shown(api, f"/ingest/progress/{parent}", Progress)
    await crawl.apply(children["acme"], {0: {"new_ingested": 2}})
    await crawl.apply(children["globex"], {1: {"unchanged": 2}})
    ended = await shown(api, f"/ingest/progress/{parent}", Progress)

    assert set(children) == {"acme", "globex"}
    assert (fetched["percent"], fetched["pages_total"], fetched["parent_id"]) == (80, 1, parent)
    assert (applying["percent"], applying["jobs"]) == (80 + 14.2, children)
    assert ended["phase"] == "completed"
    counters = ended["counters"]
    assert counters["fetched"] == sum(counters.values()) - counters["fetched"] == 6


async def test_status_names_the_run_and_the_last_result(
    api: httpx.AsyncClient, crawl: Crawl
) -> None:
    idle = await shown(api, "/ingest/status?tenant_id=acme", RunStatus)
    job_id = await start(api)
    running = await shown(api, "/ingest/status?tenant_id=acme", RunStatus)
    await crawl.claim()
    await crawl.claims.settle(crawl.job, "CANCELLED", [])
    await crawl.apply(job_id, {})
    ended = await shown(api, "/ingest/status?tenant_id=acme", RunStatus)

    assert (idle["running"], idle["last_run"]) == (False, None)
    assert (running["running"], running["job_id"], running["phase"]) == (True, job_id, "queued")
    assert (ended["running"], ended["last_run"]["status"]) == (False, "CANCELLED")
    assert ended["last_run"]["job_id"] == job_id


async def test_the_lock_shows_the_lease(api: httpx.AsyncClient, crawl: Crawl) -> None:
    free = await shown(api, "/ingest/lock/acme", LockView)
    job_id = await start(api)
    taken = await shown(api, "/ingest/lock/acme", LockView)
    await crawl.claim()
    await crawl.claims.settle(crawl.job, "SUCCESS", [])
    kept = await shown(api, "/ingest/lock/acme", LockView)
    await crawl.apply(job_id, {})
    released = await shown(api, "/ingest/lock/acme", LockView)

    nobody = {"job_id": None, "acquired_at": None, "expires_at": None}
    assert free == released == {"tenant_id": "acme", "locked": False, **nobody}
    assert (taken["locked"], taken["job_id"]) == (True, job_id)
    left = datetime.fromisoformat(taken["expires_at"]) - datetime.now(UTC)
    assert timedelta(seconds=30) < left < timedelta(seconds=61)
    assert (kept["locked"], kept["job_id"], kept["expires_at"]) == (True, job_id, None)


async def test_logs_are_read_newest_first(api: httpx.AsyncClient, mongo: Mongo) -> None:
    audits = [
        run_audit(f"job-{n}", started_at=NOON + timedelta(minutes=n // 2), fetched=n)
        for n in range(9)
    ]
    await mongo[collections.INGESTION_LOGS].insert_many(audits)

    url, rows = "/ingest/logs?tenant_id=acme&limit=2", []
    while url:
        answer = await api.get(url)
        AuditPage.model_validate(answer.json())
        rows += answer.json()["logs"]
        url = answer.links["next"]["url"] if "next" in answer.links else ""

    assert [row["job_id"] for row in rows] == [f"job-{n}" for n in range(8, -1, -1)]
    assert rows[0]["started_at"] == "2026-01-31T12:04:00.000Z"


async def test_a_run_wakes_the_workers(api: httpx.AsyncClient, settings: Settings) -> None:
    consumer = AIOKafkaConsumer(
        settings.topic("ingestion.commands"),
        bootstrap_servers=settings.kafka_bootstrap_servers,
        auto_offset_reset="earliest",
    )
    await consumer.start()
    try:
        job_id = await start(api)
        wanted = b'{"job_id":"%s","tenant_id":"acme"}' % job_id.encode()
        async with asyncio.timeout(20):
            async for record in consumer:
                if record.value == wanted:
                    break
    finally:
        await consumer.stop()

    assert record.key == b"acme"
