"""`/status` and `/metrics`: the deployment as a whole, for dashboards and operators."""

import asyncio
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from api.app import create_app
from api.metrics import GAUGES
from api.status_models import DeploymentStatus
from domain.access import EVERY_SCOPE
from domain.topics import CHANGES, DEAD_LETTERS, RAW
from infra import collections
from infra.api_keys import ApiKeys
from infra.checkpoints import Advance, Checkpoints
from infra.kafka import Outgoing
from infra.mongo import Mongo
from infra.publisher import Publisher
from infra.read_models import ACTIVE
from infra.settings import Settings
from tests.api.conftest import serving
from tests.api.documents import alert
from tests.integration.pipeline import eventually

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("topics")]


@pytest.fixture
def settings(session_settings: Settings, topic_prefix: str) -> Settings:
    """Topics of the module's own: others write to those that tests share."""
    return session_settings.model_copy(update={"kafka_topic_prefix": f"s.{topic_prefix}"})


async def append(settings: Settings, topic: str, count: int) -> None:
    publisher = Publisher(settings)
    await publisher.publish(topic, {1: [Outgoing(b"k", b"%d" % n) for n in range(count)]})
    await publisher.stop()


async def behind(settings: Settings, mongo: Mongo) -> tuple[int, int]:
    """A classifier with records before it, halted; where it stands, and where the log ends."""
    await append(settings, RAW, 3)
    checkpoints = Checkpoints(mongo, "classifier", RAW)
    await checkpoints.create({1: 0})
    known = (await checkpoints.load([1]))[1]
    await checkpoints.advance([Advance(known, 1, None)])
    await checkpoints.halt(1, "its log lost records")
    return 1, 3


async def test_status_shows_what_waits_and_what_stands_still(
    api: httpx.AsyncClient, settings: Settings, mongo: Mongo
) -> None:
    await behind(settings, mongo)
    minute = datetime.now(UTC) - timedelta(seconds=60)
    await mongo[collections.ALERTS].insert_many(
        [alert("a-1", due_at=minute), alert("a-2", state="dead_letter")]
    )
    rows = [{"key": key, "tenant_id": "acme", "value": b""} for key in ("a:1", "a:1", "a:2")]
    await mongo[collections.PARKED].insert_many(rows)

    answer = await api.get("/status")

    shown = DeploymentStatus.model_validate(answer.json())
    lag = next(lag for lag in shown.lag if (lag.consumer, lag.partition) == ("classifier", 1))
    assert (lag.topic, lag.halted) == (RAW, "its log lost records")
    assert lag.events >= 2
    assert lag.seconds is not None
    assert shown.lag_seconds is not None
    assert shown.lag_seconds >= lag.seconds
    assert shown.lag_events == sum(lag.events for lag in shown.lag)
    assert shown.alerts is not None
    assert (shown.alerts.pending, shown.alerts.dead_letters, shown.parked) == (1, 1, 2)
    assert 60 <= shown.alerts.oldest_seconds < 120
    assert {name: c.state for name, c in shown.circuits.items()} == {
        "helpdesk": "closed",
        "notify": "closed",
    }
    assert shown.runs == {"queued": 0, "fetching": 0, "applying": 0}


async def test_what_is_counted_over_all_tenants_is_told_to_no_key_of_one(
    api: httpx.AsyncClient, mongo: Mongo
) -> None:
    made = await ApiKeys(mongo).create("acme", EVERY_SCOPE)

    answer = await eventually(
        lambda: api.get("/status", headers={"Authorization": f"Bearer {made.text}"}),
        lambda answer: answer.json()["alerts"] is None,
    )

    shown = DeploymentStatus.model_validate(answer.json())
    assert (shown.alerts, shown.runs, shown.parked) == (None, None, None)
    assert shown.lag
    assert shown.circuits


async def test_a_shadow_is_nobodys_lag(
    api: httpx.AsyncClient, settings: Settings, mongo: Mongo
) -> None:
    await append(settings, CHANGES, 4)
    for generation in (1, 2):
        await Checkpoints(mongo, "tickets", CHANGES, generation=generation).create({1: 0})
    await mongo[collections.READ_MODELS].update_one(
        {"_id": ACTIVE}, {"$set": {"generations.tickets": 1}}
    )

    shown = (await api.get("/status")).json()["lag"]

    partitions = [lag["partition"] for lag in shown if lag["consumer"] == "tickets"]
    assert partitions == list(range(settings.kafka_partitions))


async def test_who_asks_while_another_does_gets_the_same_answer(api: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(*(api.get("/status") for _ in range(50)))

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.text for answer in answers}) == 1


async def test_every_gauge_is_on_the_page(
    api: httpx.AsyncClient, settings: Settings, mongo: Mongo
) -> None:
    next_offset, _ = await behind(settings, mongo)
    await append(settings, DEAD_LETTERS, 1)

    page = (await api.get("/metrics")).text

    families = {family.name: family for family in text_string_to_metric_families(page)}
    assert families.keys() >= GAUGES.keys()
    place = {"consumer": "classifier", "topic": RAW, "partition": "1"}
    values = {
        name: sample.value
        for name, family in families.items()
        for sample in family.samples
        if sample.labels == place
    }
    assert values["deskstream_checkpoint_offset"] == next_offset
    assert values["deskstream_lag_events"] >= 2
    assert values["deskstream_lag_seconds"] > 0
    assert values["deskstream_partition_halted"] == 1
    up = families["deskstream_dependency_up"].samples
    assert {sample.labels["dependency"]: sample.value for sample in up} == {
        "mongodb": 1,
        "kafka": 1,
    }
    assert families["process_resident_memory_bytes"].samples[0].value > 1_000_000


async def test_requests_are_measured_by_route_and_never_by_path(api: httpx.AsyncClient) -> None:
    for path in ("/tickets/a?tenant_id=t", "/v1/tickets/b?tenant_id=t", "/nowhere/c", "/nowhere/d"):
        assert (await api.get(path)).status_code == 404

    page = (await api.get("/metrics")).text

    counted = {
        (sample.labels["method"], sample.labels["route"], sample.labels["status"]): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if sample.name == "deskstream_http_request_duration_seconds_count"
    }
    assert counted["GET", "/tickets/{ticket_id}", "404"] >= 2
    assert counted["GET", "none", "404"] >= 2
    assert all("nowhere" not in route for _, route, _ in counted)
    assert "deskstream_http_requests_in_flight 1.0" in page


async def test_without_kafka_the_page_says_so_and_status_is_unavailable(
    settings: Settings, mongo: Mongo
) -> None:
    nowhere = settings.model_copy(update={"kafka_bootstrap_servers": "127.0.0.1:1"})
    async with serving(create_app(nowhere)) as client:
        page = (await client.get("/metrics")).text
        answer = await client.get("/status")

    assert 'deskstream_dependency_up{dependency="kafka"} 0.0' in page
    assert 'deskstream_dependency_up{dependency="mongodb"} 1.0' in page
    assert "deskstream_lag_events" not in page
    assert "deskstream_parked_tickets 0.0" in page
    assert answer.status_code == 503
    assert answer.json()["detail"] == "Kafka cannot be reached"
