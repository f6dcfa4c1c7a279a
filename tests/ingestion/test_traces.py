"""One trace from the request to the helpdesk's pages; batches, linked to whoever sent records."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from dev.engines import Engines
from tests.ingestion.collector import Collector, Seen, collecting
from tests.ingestion.desk import Desk, Layout, running_desk
from tests.integration.pipeline import eventually, observed, tenant

pytestmark = [pytest.mark.services, pytest.mark.asyncio(loop_scope="module")]

TRACE = "0af7651916cd43dd8448eb211c80319c"
TRACEPARENT = f"00-{TRACE}-b7ad6b7169203331-01"


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def traced(
    engines: Engines, tmp_path_factory: pytest.TempPathFactory, collector: Collector
) -> AsyncIterator[Desk]:
    layout = Layout(tickets=60, traces_to=collector.url)
    async with running_desk(engines, tmp_path_factory.mktemp("traced"), layout) as desk:
        yield desk


async def spans(collector: Collector, service: str, name: str, trace: str) -> list[Seen]:
    async def found() -> list[Seen]:
        return collector.named(service, name, trace)

    return list(await eventually(found, bool))


async def test_a_run_is_in_the_trace_of_the_request_for_it(
    traced: Desk, collector: Collector
) -> None:
    answer = await traced.apis[0].post(
        "/ingest/run",
        params={"tenant_id": "lumenfold"},
        headers={"traceparent": TRACEPARENT, "x-request-id": "order-66"},
    )
    job_id = answer.json()["job_id"]
    await traced.ended(job_id)

    (asked,) = await spans(collector, "deskstream-api", "POST /ingest/run", TRACE)
    assert asked.attributes["deskstream.request_id"] == "order-66"
    (crawl,) = await spans(collector, "deskstream-worker", "crawl", TRACE)
    assert crawl.parent == asked.id
    assert crawl.attributes["deskstream.job_id"] == job_id
    pages = collector.named("deskstream-worker", "keep page", TRACE)
    assert {page.parent for page in pages} == {crawl.id}
    assert sum(page.attributes["deskstream.rows"] for page in pages) == 60
    calls = collector.named("deskstream-worker", "call helpdesk", TRACE)
    assert "page 1" in {call.attributes["deskstream.call"] for call in calls}
    gets = collector.named("deskstream-worker", "GET", TRACE)
    assert {get.parent for get in gets} <= {call.id for call in calls}
    assert {get.attributes["url.full"] for get in gets} == {f"{traced.helpdesk.url}/"}
    assert f"trace_id={TRACE}" in traced.deployment.logs()


async def test_batches_are_linked_to_whoever_sent_their_records(
    traced: Desk, collector: Collector
) -> None:
    who = tenant()
    await traced.pipeline.produce(
        observed(who, "T-1"), headers=[("traceparent", TRACEPARENT.encode())]
    )
    await traced.pipeline.ticket(who, "T-1")

    async def linked() -> list[Seen]:
        batches = collector.named("deskstream-worker", "process classifier")
        return [batch for batch in batches if TRACE in batch.links]

    (batch,) = await eventually(linked, bool)
    assert batch.attributes["messaging.batch.message_count"] >= 1
    await eventually(lambda: _named(collector, "deskstream-projector", "process tickets"), bool)
    # Neither polling, which is part of nothing, nor any text of a ticket.
    assert all(span.parent for span in collector.spans if "db.system.name" in span.attributes)
    ticket = await traced.pipeline.ticket(who, "T-1")
    assert not any(ticket["message"].encode() in body for body in collector.bodies)
    assert collector.keys == {"night shift"}


async def _named(collector: Collector, service: str, name: str) -> list[Seen]:
    return collector.named(service, name)
