"""The API over a database of the test's own, asked in process, and a helpdesk to ask."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from fastapi import FastAPI

from api.app import create_app
from infra.mongo import Mongo
from infra.settings import Settings
from infra.topic_admin import TopicAdmin
from tests.api.crawls import Crawl
from tests.api.tally import lines


@asynccontextmanager
async def serving(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client of `app`, while it is up."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://api", timeout=60) as client,
    ):
        yield client


@pytest.fixture(scope="session")
def topic_prefix(session_settings: Settings) -> str:
    """The prefix of topics that exist: a wake-up for a topic that does not waits for it."""
    settings = session_settings.model_copy(update={"kafka_topic_prefix": f"a{uuid.uuid4().hex}."})
    asyncio.run(_create_topics(settings))
    return settings.kafka_topic_prefix


async def _create_topics(settings: Settings) -> None:
    mongo = Mongo(settings)
    try:
        async with TopicAdmin(settings, mongo) as admin:
            await admin.create()
    finally:
        mongo.close()


@pytest.fixture
def settings(settings: Settings, topic_prefix: str) -> Settings:
    """The test's deployment, on topics that it shares with others."""
    return settings.model_copy(update={"kafka_topic_prefix": topic_prefix})


@pytest.fixture
def app(settings: Settings) -> FastAPI:
    """The application, not started."""
    return create_app(settings)


@pytest.fixture
async def api(app: FastAPI, mongo: Mongo) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the running application."""
    async with serving(app) as client:
        yield client


class Helpdesk:
    """A port that answers `GET /health`, or takes the call and says nothing."""

    def __init__(self) -> None:
        self.is_silent = False
        self._answered = asyncio.Event()
        self._server: asyncio.Server | None = None

    async def start(self) -> str:
        """Listen; return the address."""
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        """Let go of everybody."""
        self._answered.set()
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if self.is_silent:
            await self._answered.wait()
        else:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
            await writer.drain()
        writer.close()


@pytest.fixture
async def helpdesk(settings: Settings) -> AsyncIterator[tuple[Helpdesk, Settings]]:
    """A helpdesk, and the settings that point at it."""
    desk = Helpdesk()
    url = await desk.start()
    yield desk, settings.model_copy(update={"helpdesk_url": url})
    await desk.stop()


@pytest.fixture
def crawl(mongo: Mongo, settings: Settings) -> Crawl:
    """A crawl to be driven by hand."""
    return Crawl(mongo, settings)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what the walks came to; run them without `-n` for it."""
    for line in lines():
        terminalreporter.write_line(line)
