"""Circuit breakers over HTTP: how they stand, and a reset for everybody."""

import gc
from collections import Counter
from datetime import timedelta
from typing import Final

import httpx
import pytest

from api.circuit_models import CircuitView
from domain.circuit import Admission
from infra import collections
from infra.circuits import Circuit, circuit_rules
from infra.mongo import Mongo
from infra.settings import Settings

pytestmark = pytest.mark.services

CLOSED: Final = {
    "state": "closed",
    "failures": 0,
    "failures_to_open": 5,
    "window": 10,
    "open_seconds": 30.0,
    "opened_at": None,
    "retry_at": None,
}


async def fail(mongo: Mongo, settings: Settings, times: int) -> Circuit:
    """The helpdesk's circuit of another process, after failed calls."""
    circuit = Circuit(mongo, "helpdesk", circuit_rules(settings, 30.0))
    for _ in range(times):
        admission = await circuit.admit()
        assert isinstance(admission, Admission)
        await circuit.report(admission, succeeded=False)
    return circuit


@pytest.mark.parametrize("name", ["helpdesk", "notify"])
@pytest.mark.parametrize("prefix", ["", "/v1"])
async def test_a_circuit_that_was_never_used_is_closed(
    api: httpx.AsyncClient, mongo: Mongo, name: str, prefix: str
) -> None:
    answer = await api.get(f"{prefix}/circuit/{name}/status")

    assert (answer.status_code, answer.json()) == (200, {"name": name, **CLOSED})
    assert await mongo[collections.CIRCUITS].count_documents({}) == 0


async def test_failures_of_any_process_are_shown(
    api: httpx.AsyncClient, mongo: Mongo, settings: Settings
) -> None:
    await fail(mongo, settings, 4)

    assert (await api.get("/circuit/helpdesk/status")).json()["failures"] == 4
    assert (await api.get("/circuit/notify/status")).json() == {"name": "notify", **CLOSED}


async def test_an_open_circuit_says_since_when_and_until_when(
    api: httpx.AsyncClient, mongo: Mongo, settings: Settings
) -> None:
    await fail(mongo, settings, 5)

    answer = await api.get("/circuit/helpdesk/status")

    shown = CircuitView.model_validate(answer.json())
    assert (shown.state, shown.failures) == ("open", 5)
    assert shown.opened_at is not None
    assert shown.retry_at == shown.opened_at + timedelta(seconds=30)
    assert answer.json()["opened_at"].endswith("Z")


async def test_a_reset_closes_it_for_every_process(
    api: httpx.AsyncClient, mongo: Mongo, settings: Settings
) -> None:
    other = await fail(mongo, settings, 5)

    for prefix in ("", "/v1"):
        answer = await api.post(f"{prefix}/circuit/helpdesk/reset")
        assert (answer.status_code, answer.json()) == (200, {"name": "helpdesk", **CLOSED})

    assert isinstance(await other.admit(), Admission)


@pytest.mark.parametrize("name", ["Helpdesk", "mongodb", "*", "x" * 3000, "%00", "%F0%9F%98%80"])
async def test_there_are_no_others(api: httpx.AsyncClient, mongo: Mongo, name: str) -> None:
    for method, action in (("GET", "status"), ("POST", "reset")):
        for prefix in ("", "/v1"):
            answer = await api.request(method, f"{prefix}/circuit/{name}/{action}")

            assert answer.status_code == 404
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json()["type"] == "urn:deskstream:problem:circuit-not-found"
    assert await mongo[collections.CIRCUITS].count_documents({}) == 0


@pytest.mark.parametrize("names", [1_000, pytest.param(5_000, marks=pytest.mark.faults)])
async def test_ten_thousand_unknown_names_cost_nothing(
    api: httpx.AsyncClient, mongo: Mongo, names: int
) -> None:
    """Neither a question to MongoDB nor anything that stays in memory."""
    await mongo.database.command("profile", 2)
    answers, objects = Counter[int](), []
    for number in range(names):
        answers[(await api.post(f"/circuit/unknown-{number}/reset")).status_code] += 1
        answers[(await api.get(f"/circuit/unknown-{number}/status")).status_code] += 1
        if number in (names // 10, names - 1):
            gc.collect()
            objects.append(len(gc.get_objects()))
    await mongo.database.command("profile", 0)

    assert answers == {404: 2 * names}
    assert await mongo[collections.CIRCUITS].count_documents({}) == 0
    asked = {"ns": mongo[collections.CIRCUITS].full_name, "op": {"$ne": "command"}}
    assert await mongo.database["system.profile"].count_documents(asked) == 0
    assert objects[1] - objects[0] < 2_000


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/circuit/helpdesk/status?verbose=1", 422),
        ("POST", "/circuit/helpdesk/reset?tenant_id=acme", 422),
        ("POST", "/circuit/helpdesk/status", 405),
        ("GET", "/circuit/helpdesk/reset", 405),
        ("GET", "/circuit/helpdesk", 404),
    ],
)
async def test_what_else_is_asked_is_refused(
    api: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    answer = await api.request(method, path)

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
