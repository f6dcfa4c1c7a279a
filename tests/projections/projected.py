"""A log of change events, projectors in this process, and rebuilds beside them."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache

from pymongo.read_concern import ReadConcern

from benchmarks.workload import change_events
from domain.digests import Digest
from domain.topics import CHANGES
from infra.digests import KeptDigests
from infra.kafka import Outgoing
from infra.log_reader import LogReader
from infra.mongo import Document, Mongo
from infra.publisher import Publisher
from infra.read_models import TICKETS, active_generation
from infra.settings import Settings
from projections.digest_scan import read_digests
from projections.divergence import Divergence
from projections.projector import run_projector
from projections.rebuild import Order, Progress, Rebuilder
from projections.soundness import unchecked
from projections.swap import Swapped
from tests.integration.pipeline import eventually

Digests = Mapping[tuple[str, str], Digest]


@dataclass
class Projected:
    """Publishes, waits, rebuilds and looks."""

    settings: Settings
    mongo: Mongo
    reader: LogReader
    publisher: Publisher
    named: list[Divergence] = field(default_factory=list)
    shown: list[Progress] = field(default_factory=list)

    async def publish(self, records: Mapping[int, list[Outgoing]]) -> None:
        """Append to `tickets.changes`."""
        await self.publisher.publish(CHANGES, records)

    async def applied(self) -> None:
        """Wait until the live generation has the whole log."""
        await eventually(self._is_applied, bool)

    async def _is_applied(self) -> bool:
        live = await active_generation(self.mongo, TICKETS)
        wanted = {"consumer": "tickets", "generation": live.number, "retired": None}
        # Digests are read from snapshots, which show what a majority has.
        checkpoints = self.mongo["checkpoints"].with_options(read_concern=ReadConcern("majority"))
        found = checkpoints.find(wanted)
        reached = {d["partition"]: d["next_offset"] async for d in found}
        partitions = list(range(self.settings.kafka_partitions))
        bounds = await self.reader.bounds(CHANGES, partitions)
        return reached == {partition: end for partition, (_, end) in bounds.items()}

    async def digests(self) -> Digests:
        """The kept digests of the live tickets, which must be those of the documents."""
        found = [d for d in await read_digests(self.mongo, None, scan=True) if d.kept.documents]
        assert [d for d in found if not d.agrees] == []
        return {(d.tenant_id, d.model): d.kept for d in found}

    def rebuilder(self) -> Rebuilder:
        """A rebuilder that notes what it shows."""
        return Rebuilder(self.settings, self.mongo, self.reader, self.shown.append)

    async def rebuild(self, **order: object) -> Swapped:
        """Rebuild all tickets in this process, without the independent fold."""
        wanted = Order(TICKETS, **{"processes": 1, **order})  # type: ignore[arg-type]
        return await self.rebuilder().run(wanted, unchecked, self.named.append)

    async def repair(self, tenant_id: str) -> int:
        """Rebuild what one tenant has."""
        order = Order(TICKETS, processes=1)
        return await self.rebuilder().repair(order, tenant_id, self.named.append)

    async def is_paused(self) -> bool:
        """True if the rebuild waits for live projectors, by what it showed last."""
        return bool(self.shown) and self.shown[-1].is_paused

    async def some(self, model: str, **wanted: object) -> Document:
        """A document of the live generation."""
        live = await active_generation(self.mongo, TICKETS)
        found = await self.mongo[live.names[model]].find_one(wanted)
        assert found is not None
        return found

    async def traces(self) -> list[str]:
        """What there is of generations that are not live: collections, checkpoints, digests."""
        live = await active_generation(self.mongo, TICKETS)
        names = await self.mongo.database.list_collection_names()
        traces = [name for name in names if "_g" in name and name not in live.collections.values()]
        other = {"generation": {"$ne": live.number}}
        for name in ("checkpoints", "digests"):
            wanted = {**other, "consumer": "tickets"} if name == "checkpoints" else other
            traces += [d["_id"] async for d in self.mongo[name].find(wanted)]
        return traces + [d["_id"] async for d in self.mongo["rebuilds"].find()]


@asynccontextmanager
async def connected(settings: Settings) -> AsyncIterator[Projected]:
    """A deployment of which nothing runs yet."""
    mongo, reader, publisher = Mongo(settings), LogReader(settings), Publisher(settings)
    try:
        yield Projected(settings, mongo, reader, publisher)
    finally:
        await publisher.stop()
        await reader.stop()
        mongo.close()


@asynccontextmanager
async def projecting(settings: Settings, processes: int = 1) -> AsyncIterator[None]:
    """Projectors that share the partitions, inside the block."""
    stop = asyncio.Event()
    running = [asyncio.create_task(run_projector(settings, stop)) for _ in range(processes)]
    try:
        yield
    finally:
        stop.set()
        await asyncio.gather(*running)


def log_of_tickets(settings: Settings, events: int) -> dict[int, list[Outgoing]]:
    """Change events of four tenants: creations, and updates of two of three tickets."""
    return {p: list(some) for p, some in _changes(events, settings.kafka_partitions).items()}


@cache
def _changes(events: int, partitions: int) -> dict[int, list[Outgoing]]:
    return change_events(events, partitions)


async def kept(mongo: Mongo, number: int) -> Digests:
    """The digests of a generation of the tickets, live or not."""
    return await KeptDigests(mongo).read(dict.fromkeys(TICKETS.models, number))
