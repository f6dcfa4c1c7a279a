"""What is too large is a problem that says which part, and never reaches a route."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from api.app import create_app
from api.run_models import Problem
from api.size_limits import MOST_BODY_BYTES, MOST_HEAD_BYTES, MOST_TARGET_BYTES
from infra.settings import Settings


@pytest.fixture
async def unstarted() -> AsyncIterator[httpx.AsyncClient]:
    """An application without connections: a request that passes the limits ends in a 404."""
    app: FastAPI = create_app(Settings(_env_file=None))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://a") as client:
        yield client


async def chunks(size: int) -> AsyncIterator[bytes]:
    for _ in range(size // 1_000):
        yield b"x" * 1_000


def refused(answer: httpx.Response, status: int, kind: str) -> None:
    problem = Problem.model_validate(answer.json())
    assert (answer.status_code, problem.status) == (status, status)
    assert problem.type == f"urn:deskstream:problem:{kind}"
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["X-Request-ID"] == problem.request_id


async def test_a_large_body_is_refused_however_it_is_sent(unstarted: httpx.AsyncClient) -> None:
    whole = await unstarted.post("/nothing", content=b"x" * (MOST_BODY_BYTES + 1))
    refused(whole, 413, "body-too-large")
    in_pieces = await unstarted.post("/nothing", content=chunks(MOST_BODY_BYTES + 2_000))
    refused(in_pieces, 413, "body-too-large")
    told = await unstarted.post("/nothing", headers={"Content-Length": "9" * 30})
    refused(told, 413, "body-too-large")


async def test_a_small_body_is_read_and_forgotten(unstarted: httpx.AsyncClient) -> None:
    for content in (b"", b"x" * MOST_BODY_BYTES, chunks(9_000)):
        assert (await unstarted.post("/nothing", content=content)).status_code == 404


@pytest.mark.parametrize("path", ["/nothing?q=" + "x" * MOST_TARGET_BYTES, "/" + "x" * 40_000])
async def test_a_long_target_is_refused(unstarted: httpx.AsyncClient, path: str) -> None:
    refused(await unstarted.get(path), 414, "target-too-long")


@pytest.mark.parametrize(
    "headers",
    [{"X-One": "x" * MOST_HEAD_BYTES}, {f"X-{n}": "x" * 100 for n in range(400)}],
)
async def test_a_large_header_is_refused(
    unstarted: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    refused(await unstarted.get("/nothing", headers=headers), 431, "header-too-large")


async def test_what_is_just_small_enough_passes(unstarted: httpx.AsyncClient) -> None:
    answer = await unstarted.get("/nothing?q=" + "x" * 32_000, headers={"X-One": "x" * 32_000})

    assert answer.status_code == 404
