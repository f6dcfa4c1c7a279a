"""A deployment to be measured: real engines, real processes, and the CPU time of each."""

import asyncio
import os
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final, NamedTuple

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


class _Child(NamedTuple):
    """A process of ours, and the watcher that ends it with us."""

    service: str
    process: psutil.Popen
    watcher: subprocess.Popen[bytes]


class Deployment:
    """Topics and a database of its own on running engines, and processes of ours."""

    def __init__(self, engines: Engines, settings: Settings, logs: Path) -> None:
        self.settings = settings
        self.mongo = Mongo(settings)
        self.reader = LogReader(settings)
        self._logs = logs
        self._children: dict[str, _Child] = {}
        self._engines = {
            "kafka": psutil.Process(engines.kafka.pid),
            "mongod": psutil.Process(engines.mongod.pid),
        }

    @contextmanager
    def running(self, service: str, name: str | None = None) -> Iterator[None]:
        """Run `deskstream <service>` inside the block, shown as `name`."""
        name = name or service
        self._start(service, name)
        try:
            yield
        finally:
            process = self._forget(name).process
            process.terminate()
            try:
                process.wait(_STOP_SECONDS)
            except psutil.TimeoutExpired:
                process.kill()

    @contextmanager
    def running_each(self, *services: str) -> Iterator[None]:
        """Run one process of each service inside the block."""
        with ExitStack() as stack:
            for service in services:
                stack.enter_context(self.running(service))
            yield

    def replace_killed(self, name: str) -> float:
        """`kill -9` a process and start it anew at once, as a supervisor would.

        Returns the monotonic time of the kill.
        """
        loop = asyncio.get_running_loop()
        child = self._forget(name)
        killed = loop.time()
        child.process.kill()
        child.process.wait(_STOP_SECONDS)
        self._start(child.service, name)
        return killed

    def environment(self) -> dict[str, str]:
        """The settings, for processes of ours."""
        return environment_of(self.settings)

    def processes(self) -> Iterator[tuple[str, psutil.Process]]:
        """Those of ours that run, by name."""
        for name, child in self._children.items():
            yield name, child.process

    def cpu_seconds(self) -> dict[str, float]:
        """CPU time that each process has used so far, ours (the load generator) included."""
        everyone = dict(self.processes()) | self._engines | {"load generator": psutil.Process()}
        return {name: sum(p.cpu_times()[:2]) for name, p in everyone.items()}

    def memory_megabytes(self) -> dict[str, float]:
        """Resident memory of each process of ours."""
        return {name: p.memory_info().rss / 1e6 for name, p in self.processes()}

    def check(self) -> None:
        """Raise `ChildProcessError` if a process of ours ended by itself."""
        for name, child in self._children.items():
            if child.process.poll() is not None:
                raise ChildProcessError(f"{name} ended with {child.process.returncode}")

    async def checkpoint(self, consumer: str) -> int:
        """How many records a consumer has behind its checkpoints, over all partitions."""
        wanted = {"consumer": consumer}
        found = self.mongo["checkpoints"].find(wanted, {"next_offset": 1})
        return sum([document["next_offset"] async for document in found])

    async def until_there_are(
        self, count: int, collection: str, wanted: Document, *, seconds: float = 120.0
    ) -> float:
        """Wait until so many documents match; return the loop's time then."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while (there := await self.mongo[collection].count_documents(wanted)) < count:
            self.check()
            if loop.time() > deadline:
                raise TimeoutError(f"{collection} holds {there} of {count} after {seconds:.0f} s")
            await asyncio.sleep(0.1)
        return loop.time()

    async def until_assigned(self, *consumers: str) -> None:
        """Wait until each of these consumers has looked at all of its partitions."""
        for consumer in consumers:
            wanted = {"consumer": consumer}
            await self.until_there_are(self.settings.kafka_partitions, "checkpoints", wanted)

    async def until(self, consumer: str, count: int, *, seconds: float = 120.0) -> float:
        """Wait until a consumer's checkpoints reach `count`; return the loop's time then."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while (reached := await self.checkpoint(consumer)) < count:
            self.check()
            if loop.time() > deadline:
                raise TimeoutError(f"{consumer} stands at {reached} of {count}")
            await asyncio.sleep(0.02)
        return loop.time()

    def _start(self, service: str, name: str) -> None:
        with (self._logs / f"{name}.log").open("ab") as output:
            process = psutil.Popen(
                [str(Path(sys.executable).with_name("deskstream")), service],
                cwd=_ROOT,
                env=os.environ | self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        self._children[name] = _Child(service, process, kill_with_us(process.pid))

    def _forget(self, name: str) -> _Child:
        """Take a process off the list; its watcher must not outlive it."""
        child = self._children.pop(name)
        child.watcher.kill()
        child.watcher.communicate()
        return child


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
