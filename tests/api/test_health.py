"""Health: every dependency's state, within two seconds whatever hangs, and nothing more."""

import asyncio
import re
import socket
import time
from pathlib import Path

import httpx
import pytest

from api.app import create_app
from api.run_models import Health, Problem
from dev.engines import Engines
from dev.mongod import Mongod
from dev.ports import free_port
from infra import collections
from infra.mongo import Mongo
from infra.settings import Settings
from tests.api.conftest import Helpdesk, serving

pytestmark = pytest.mark.services


async def asked(settings: Settings) -> tuple[httpx.Response, float]:
    """The answer of `/health`, and how many seconds it took."""
    async with serving(create_app(settings)) as client:
        begun = time.monotonic()
        answer = await client.get("/health")
        return answer, time.monotonic() - begun


def down(answer: httpx.Response) -> set[str]:
    """What the answer says is down."""
    dependencies = answer.json()["dependencies"]
    return {name for name, state in dependencies.items() if state["state"] == "down"}


async def test_all_is_well(helpdesk: tuple[Helpdesk, Settings]) -> None:
    answer, _ = await asked(helpdesk[1])

    assert answer.status_code == 200, answer.text
    Health.model_validate(answer.json())
    assert set(answer.json()["dependencies"]) == {"mongodb", "kafka", "helpdesk"}
    assert all(s["latency_ms"] > 0 for s in answer.json()["dependencies"].values())


async def test_each_dependency_is_named_and_nothing_else(
    helpdesk: tuple[Helpdesk, Settings],
) -> None:
    port = free_port()
    nowhere = {
        "mongodb": {"mongodb_uri": f"mongodb://someone:hidden@127.0.0.1:{port}/?replicaSet=rs0"},
        "kafka": {"kafka_bootstrap_servers": f"127.0.0.1:{port}"},
        "helpdesk": {"helpdesk_url": f"http://127.0.0.1:{port}"},
    }
    for name, broken in nowhere.items():
        settings = Settings(_env_file=None, **{**helpdesk[1].model_dump(), **broken})

        answer, seconds = await asked(settings)

        assert (answer.status_code, down(answer)) == (503, {name})
        assert answer.headers["content-type"] == "application/problem+json"
        Problem.model_validate(answer.json())
        assert seconds < 2
        assert not re.search(rf"{port}|127\.0|hidden|Error|Traceback", answer.text)


async def test_what_hangs_is_given_up(helpdesk: tuple[Helpdesk, Settings], tmp_path: Path) -> None:
    desk, settings = helpdesk
    desk.is_silent = True
    with (
        Mongod(tmp_path / "mongod", free_port(), cache_gigabytes=0.25) as mongod,
        socket.create_server(("127.0.0.1", 0)) as deaf,
    ):
        kafka = f"127.0.0.1:{deaf.getsockname()[1]}"
        hanging = {"mongodb_uri": mongod.uri, "kafka_bootstrap_servers": kafka}
        settings = Settings(_env_file=None, **{**settings.model_dump(), **hanging})
        async with serving(create_app(settings)) as client:
            # And who may ask is known.
            assert {(await client.get(url)).status_code for url in ("/readyz", "/whoami")} == {200}
            mongod.suspend()
            begun = time.monotonic()
            answer = await client.get("/health")
            seconds = time.monotonic() - begun
            ready = await client.get("/readyz")
            begun = time.monotonic()
            page, status = await asyncio.gather(client.get("/metrics"), client.get("/status"))
            asked = time.monotonic() - begun
            mongod.resume()

    assert (answer.status_code, down(answer)) == (503, {"mongodb", "kafka", "helpdesk"})
    assert seconds < 2
    assert ready.status_code == 503
    assert asked < 4
    assert page.status_code == 200
    for engine in ("mongodb", "kafka"):
        assert f'deskstream_dependency_up{{dependency="{engine}"}} 0.0' in page.text
    assert "deskstream_alerts" not in page.text
    assert (status.status_code, status.json()["detail"]) == (503, "MongoDB cannot be reached")


async def test_a_halted_partition_turns_readiness_red(api: httpx.AsyncClient, mongo: Mongo) -> None:
    row = {"consumer": "tickets", "topic": "tickets.changes", "retired": None}
    await mongo[collections.CHECKPOINTS].insert_many(
        [
            {"_id": "a", **row, "partition": 3, "halted": "secret details"},
            {"_id": "b", **row, "partition": 4, "halted": None},
            {"_id": "c", **row, "partition": 5, "halted": "old", "retired": "2026-01-01"},
        ]
    )

    answer = await api.get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["halted"] == [
        {"consumer": "tickets", "topic": "tickets.changes", "partition": 3}
    ]
    assert "tickets.changes[3]" in answer.json()["detail"]
    assert "secret" not in answer.text


async def test_ready_and_alive(api: httpx.AsyncClient) -> None:
    assert (await api.get("/readyz")).json() == {"status": "ready"}
    assert (await api.get("/v1/livez")).json() == {"status": "alive"}


async def test_the_api_lives_without_mongodb_and_recovers(
    settings: Settings, tmp_path: Path, engines: Engines
) -> None:
    mongod = Mongod(tmp_path / "mongod", free_port(), cache_gigabytes=0.25)
    settings = Settings(
        _env_file=None,
        **{**settings.model_dump(), "mongodb_uri": mongod.uri},
    )
    async with serving(create_app(settings)) as client:
        assert (await client.get("/livez")).status_code == 200
        assert (await client.get("/readyz")).status_code == 503
        requests = (
            client.get("/tickets?tenant_id=acme"),
            client.get("/tenants/acme/stats"),
            client.get("/ingest/status?tenant_id=acme"),
            client.post("/ingest/run?tenant_id=acme"),
        )
        for answer in await asyncio.gather(*requests):
            assert answer.status_code == 503
            assert answer.headers["content-type"] == "application/problem+json"
            assert int(answer.headers["Retry-After"]) > 0
            assert str(mongod.port) not in answer.text

        await asyncio.to_thread(mongod.start)
        await _answers(client, "/tickets?tenant_id=acme")
        await _has_indexes(settings)
        await asyncio.to_thread(mongod.kill)
        assert (await client.get("/tickets?tenant_id=acme")).status_code == 503
        assert (await client.get("/livez")).status_code == 200
        await asyncio.to_thread(mongod.start)
        await _answers(client, "/tickets?tenant_id=acme")
    mongod.stop()


async def _answers(client: httpx.AsyncClient, url: str) -> None:
    give_up = time.monotonic() + 30
    while (answer := await client.get(url)).status_code != 200:
        assert answer.status_code == 503
        assert time.monotonic() < give_up
        await asyncio.sleep(0.1)


async def _has_indexes(settings: Settings) -> None:
    """The collections were made in the background, without a restart."""
    mongo = Mongo(settings)
    give_up = time.monotonic() + 30
    while "newest" not in await mongo[collections.TICKETS].index_information():
        assert time.monotonic() < give_up
        await asyncio.sleep(0.1)
    mongo.close()
