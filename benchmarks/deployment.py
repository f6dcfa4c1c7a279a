"""A deployment to be measured: real engines, real processes, and the CPU time of each."""

import asyncio
import os
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final

import psutil
from pydantic import SecretStr

from dev.engines import Engines
from dev.environment import environment_of
from dev.processes import kill_with_us
from infra.collections import ensure_collections
from infra.log_reader import LogReader
from infra.mongo import Document, Mongo
from infra.settings import Settings
from infra.topic_admin import TopicAdmin

_ROOT: Final = Path(__file__).resolve().parent.parent
_STOP_SECONDS: Final = 15.0


class Deployment:
    """Topics and a database of its own on running engines, and processes of ours."""

    def __init__(self, engines: Engines, settings: Settings, logs: Path) -> None:
        self.settings = settings
        self.mongo = Mongo(settings)
        self.reader = LogReader(settings)
        self._logs = logs
        self._processes: dict[str, psutil.Popen] = {}
        self._engines = {
            "kafka": psutil.Process(engines.kafka.pid),
            "mongod": psutil.Process(engines.mongod.pid),
        }

    @contextmanager
    def running(self, service: str, name: str | None = None) -> Iterator[None]:
        """Run `deskstream <service>` inside the block, shown as `name`."""
        name = name or service
        environment = os.environ | self.environment()
        with (self._logs / f"{name}.log").open("ab") as output:
            process = psutil.Popen(
                [str(Path(sys.executable).with_name("deskstream")), service],
                cwd=_ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        self._processes[name] = process
        watcher = kill_with_us(process.pid)
        try:
            yield
        finally:
            watcher.kill()
            watcher.communicate()
            process.terminate()
            try:
                process.wait(_STOP_SECONDS)
            except psutil.TimeoutExpired:
                process.kill()
            del self._processes[name]

    def environment(self) -> dict[str, str]:
        """The settings, for processes of ours."""
        return environment_of(self.settings)

    def processes(self) -> Iterator[tuple[str, psutil.Process]]:
        """Those of ours that run, by name."""
        yield from self._processes.items()

    def cpu_seconds(self) -> dict[str, float]:
        """CPU time that each process has used so far, ours (the load generator) included."""
        everyone = self._processes | self._engines | {"load generator": psutil.Process()}
        return {name: sum(p.cpu_times()[:2]) for name, p in everyone.items()}

    def memory_megabytes(self) -> dict[str, float]:
        """Resident memory of each process of ours."""
        return {name: p.memory_info().rss / 1e6 for name, p in self._processes.items()}

    async def checkpoint(self, consumer: str) -> int:
        """How many records a consumer has behind its checkpoints, over all partitions."""
        wanted = {"consumer": consumer}
        found = self.mongo["checkpoints"].find(wanted, {"next_offset": 1})
        return sum([document["next_offset"] async for document in found])

    async def until_there_are(self, count: int, collection: str, wanted: Document) -> float:
        """Wait until so many documents match; return the loop's time then."""
        loop = asyncio.get_running_loop()
        while True:
            if await self.mongo[collection].count_documents(wanted) >= count:
                return loop.time()
            await asyncio.sleep(0.1)

    async def until(self, consumer: str, count: int, *, seconds: float = 120.0) -> float:
        """Wait until a consumer's checkpoints reach `count`; return the loop's time then."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while (reached := await self.checkpoint(consumer)) < count:
            for name, process in self._processes.items():
                if process.poll() is not None:
                    raise ChildProcessError(f"{name} ended with {process.returncode}")
            if loop.time() > deadline:
                raise TimeoutError(f"{consumer} stands at {reached} of {count}")
            await asyncio.sleep(0.02)
        return loop.time()


@asynccontextmanager
async def deployed(engines: Engines, logs: Path, **changes: object) -> AsyncIterator[Deployment]:
    """A fresh deployment; its topics stay, its database goes."""
    name = uuid.uuid4().hex[:12]
    settings = Settings(
        _env_file=None,
        kafka_bootstrap_servers=engines.kafka.bootstrap,
        mongodb_uri=SecretStr(engines.mongod.uri),
        kafka_topic_prefix=f"b{name}.",
        mongodb_database=f"b{name}",
        helpdesk_rate_limit=0,
        log_level="WARNING",
    ).model_copy(update=changes)
    deployment = Deployment(engines, settings, logs)
    await ensure_collections(deployment.mongo)
    async with TopicAdmin(settings, deployment.mongo) as topics:
        await topics.create()
    try:
        yield deployment
    finally:
        await deployment.reader.stop()
        await deployment.mongo.client.drop_database(settings.mongodb_database)
        deployment.mongo.close()
