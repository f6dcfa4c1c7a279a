"""Many clients at once: how many answers a second one API process gives, and how long they take."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from datetime import datetime
from random import Random
from typing import Final, NamedTuple, TypeAlias

import aiohttp

from benchmarks.deployment import Deployment
from benchmarks.figures import Figure, cpu_share
from benchmarks.list_walks import walks
from benchmarks.many_tickets import TENANT
from benchmarks.percentiles import spread
from benchmarks.statistics_queries import PATH, questions
from infra.collections import TICKETS

_CLIENTS: Final = 50
_SECONDS: Final = 15.0
_WARM_UP_SECONDS: Final = 2.0
_TICKETS: Final = 5_000
_ANSWER_SECONDS: Final = 120.0
_SEED: Final = 8


class _Question(NamedTuple):
    path: str
    query: dict[str, str]


_Questions: TypeAlias = Iterator[_Question]


async def measure_crowd(
    deployment: Deployment, now: datetime, count: int, scale: float
) -> AsyncGenerator[Figure]:
    """A figure for each kind of question, of a tenant that has `count` tickets.

    Every client asks its next question as soon as it has an answer; all share one API process,
    and the machine with it.
    """
    ids = await _some_ids(deployment)
    kinds: dict[str, Callable[[], _Questions]] = {
        "tickets": lambda: _one_by_one(ids),
        "pages of lists": lambda: _lists(now),
        "statistics": lambda: _statistics(now),
    }
    seconds = max(_SECONDS * scale, 1.0)
    async with _clients(deployment) as http:
        for kind, asked in kinds.items():
            await _ask(http, asked(), min(_WARM_UP_SECONDS, seconds))
            before = deployment.cpu_seconds()
            took, passed = await _ask(http, asked(), seconds)
            yield Figure(
                f"{_CLIENTS} clients at once, {count:,} tickets: {kind}", len(took) / passed,
                "answers/s", 0, more_is_better=True,
                details={f"{name} ms": ms for name, ms in spread(took).items() if name != "samples"}
                | {"answers": len(took)},
                cpu=cpu_share(before, deployment.cpu_seconds(), passed),
            )  # fmt: skip


async def _ask(
    http: aiohttp.ClientSession, questions: _Questions, seconds: float
) -> tuple[list[float], float]:
    """Milliseconds of each answer, and the seconds that it went on.

    Raises:
        ClientError: an answer is no success, or there is none.
    """
    loop = asyncio.get_running_loop()
    took: list[float] = []
    began = loop.time()

    async def client() -> None:
        while (asked := loop.time()) < began + seconds:
            question = next(questions)
            async with http.get(question.path, params=question.query) as answer:
                await answer.read()
            took.append((loop.time() - asked) * 1000)

    async with asyncio.TaskGroup() as clients:
        for _ in range(_CLIENTS):
            clients.create_task(client())
    return took, loop.time() - began


def _one_by_one(ids: list[str]) -> _Questions:
    rng = Random(_SEED)  # noqa: S311 (repeatable, not secret)
    while True:
        yield _Question(f"/tickets/{rng.choice(ids)}", {"tenant_id": TENANT})


def _lists(now: datetime) -> _Questions:
    return (_Question("/tickets", walk.query) for walk in walks(now))


def _statistics(now: datetime) -> _Questions:
    return (_Question(PATH, question.query) for question in questions(now))


async def _some_ids(deployment: Deployment) -> list[str]:
    sample = [{"$sample": {"size": _TICKETS}}, {"$project": {"external_id": 1}}]
    found = deployment.mongo[TICKETS].aggregate(sample)
    return [str(ticket["external_id"]) async for ticket in found]


def _clients(deployment: Deployment) -> aiohttp.ClientSession:
    """A connection for each client, which is kept; httpx would take more of the machine than we."""
    return aiohttp.ClientSession(
        f"http://127.0.0.1:{deployment.settings.api_port}",
        connector=aiohttp.TCPConnector(limit=_CLIENTS),
        timeout=aiohttp.ClientTimeout(_ANSWER_SECONDS),
        raise_for_status=True,
    )
