"""One erasure from its search to its report: every place looked at before and after."""

import asyncio
import uuid
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from cli.counting import counting

if TYPE_CHECKING:
    from domain.erasure_subjects import ErasureSubject
    from infra.mongo import Mongo
    from infra.publisher import Publisher
    from infra.settings import Settings

_PAUSE_SECONDS: Final = 0.2
_LISTED: Final = 1_000


@dataclass(frozen=True)
class Order:
    """What an operator wants; `about` is the tenant, and the customer or the ticket."""

    about: tuple[str, str | None, str | None]
    reason: str | None = None
    dry_run: bool = False
    lifted: bool = False

    @property
    def subject(self) -> "ErasureSubject":
        """Whom it is about."""
        from domain.erasure_subjects import ErasureSubject

        return ErasureSubject(*self.about)


@dataclass
class Outcome:
    """What was found, and what is left: documents by place.

    `alerts_sent` left for the receiver with words of a ticket; `unclear_letters` hold the id of the
    customer, and do not say of which tenant they are, or cannot be read; `kept` says where Kafka
    still has values, and until when: an instant, or what takes them away.
    """

    request: str
    tickets: set[str] = field(default_factory=set)
    found: Counter[str] = field(default_factory=Counter)
    remaining: Counter[str] = field(default_factory=Counter)
    alerts_sent: list[dict[str, Any]] = field(default_factory=list)
    unclear_letters: int = 0
    generations: list[int] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)
    kept: dict[str, datetime | str] = field(default_factory=dict)

    @property
    def is_complete(self) -> bool:
        """True if no place in MongoDB holds anything any more."""
        return not (+self.remaining or self.unfinished)


class Erasure:
    """Everything about one order that needs the engines."""

    def __init__(
        self, settings: "Settings", mongo: "Mongo", publisher: "Publisher", order: Order
    ) -> None:
        from domain.instants import cut
        from infra.erasure_places import ErasurePlaces
        from streams.erasing import Erasing, Request
        from streams.reentry import Reentry

        self._mongo = mongo
        self._order = order
        self._time = cut(datetime.now(UTC))
        self._places = ErasurePlaces(mongo)
        request = Request(str(uuid.uuid4()), self._time, order.lifted)
        reentry = Reentry(mongo, publisher, settings.kafka_partitions)
        self._erasing = Erasing(mongo, reentry, request, settings.kafka_partitions)
        self._letters_found: set[str] = set()
        self.outcome = Outcome(request.id)

    async def look(self) -> Outcome:
        """What would be erased."""
        await self._find(await self._tickets())
        self.outcome.remaining = Counter(self.outcome.found)
        return self.outcome

    async def perform(self) -> Outcome:
        """Erase, and return when it is applied everywhere."""
        from infra.erasure_records import ErasureRecords

        order, outcome = self._order, self.outcome
        records = ErasureRecords(self._mongo)
        await records.begin(
            outcome.request, order.subject, self._time, order.reason, lifted=order.lifted
        )
        more = await self._tickets()
        await self._find(more)
        while more:
            with counting("lift" if order.lifted else "erase", len(more), "tickets") as progress:
                await self._erasing.perform(more, progress)
            # What was on its way when one search looked is found by the next.
            more = await self._tickets() - outcome.tickets
            await self._find(more)
        if not order.lifted:
            await self._clean()
        await records.complete(
            outcome.request, datetime.now(UTC), tickets=len(outcome.tickets),
            found=dict(outcome.found), remaining=dict(outcome.remaining),
        )  # fmt: skip
        return outcome

    async def _tickets(self) -> set[str]:
        from streams.erasure_search import tickets_of

        return await tickets_of(self._mongo, self._order.subject)

    async def _find(self, keys: Iterable[str]) -> None:
        outcome = self.outcome
        more = sorted(keys)
        outcome.tickets.update(more)
        if not self._order.lifted:
            outcome.found.update(await self._places.count(more))
            outcome.found.setdefault("roll_ups", await self._sums())
            letters = {*await self._letters()} - self._letters_found
            self._letters_found |= letters
            outcome.found["dead_letters"] += len(letters)
            outcome.kept = kept_in_kafka(self._time)
            await self._find_alerts(more)
        await self._find_generations()

    async def _letters(self) -> list[str]:
        """Letters of the customer that belong to none of its tickets."""
        from infra.erased_letters import letters_beyond
        from streams.erasure_search import letters_of

        found = await letters_of(self._mongo, self._order.subject)
        self.outcome.unclear_letters = found.unclear
        return await letters_beyond(self._mongo, found.ids, self.outcome.tickets)

    async def _sums(self) -> int:
        """How many sums name the customer."""
        from infra import read_models

        subject = self._order.subject
        name = (await read_models.active_generation(self._mongo, read_models.TICKETS)).roll_ups
        if name is None or subject.customer_id is None:
            return 0
        wanted = {"tenant_id": subject.tenant_id, "names.customers.k": subject.customer_id}
        return await self._mongo[name].count_documents(wanted)

    async def _find_alerts(self, keys: list[str]) -> None:
        tickets = [key.partition(":")[2] for key in keys]
        wanted = {
            "tenant_id": self._order.subject.tenant_id,
            "ticket_id": {"$in": tickets},
            "state": "delivered",
        }
        room = _LISTED - len(self.outcome.alerts_sent)
        if room > 0:
            found = self._mongo["alerts"].find(wanted, {"ticket_id": 1, "ended_at": 1}).limit(room)
            self.outcome.alerts_sent += [
                {"alert_id": d["_id"], "ticket_id": d["ticket_id"], "sent_at": d["ended_at"]}
                async for d in found
            ]

    async def _find_generations(self) -> None:
        from infra.read_models import TICKETS, kept_generations

        self.outcome.generations = await kept_generations(self._mongo, TICKETS)

    async def _clean(self) -> None:
        """What no event reaches: letters of no ticket, sums not merged yet, earlier generations."""
        from infra.erased_letters import blank_letters
        from infra.read_models import TICKETS, active_generation
        from projections.generations import prune
        from projections.roll_up_merging import RollUpMerger

        outcome, subject = self.outcome, self._order.subject
        letters = await self._letters()
        await blank_letters(self._mongo, {"_id": {"$in": letters}})
        if subject.external_id is not None:
            wanted = {"tenant_id": subject.tenant_id, "external_id": subject.external_id}
            await blank_letters(self._mongo, wanted)
        roll_ups = (await active_generation(self._mongo, TICKETS)).roll_ups
        if roll_ups is not None:
            await RollUpMerger(self._mongo).merge_all(roll_ups, subject.tenant_id)
        outcome.generations = await prune(self._mongo, TICKETS)
        outcome.remaining = await self._left()
        outcome.unfinished = await unfinished(self._mongo)

    async def _left(self) -> Counter[str]:
        """What is there still, once whoever records alerts has met the last erasure."""
        keys = sorted(self.outcome.tickets)
        with counting("alerts", 1, "steps") as progress:
            while (left := Counter(await self._places.count(keys)))["alerts"]:
                await asyncio.sleep(_PAUSE_SECONDS)
                progress(0)
        left["roll_ups"] = await self._sums()
        left["dead_letters"] += len(await self._letters())
        return left


async def unfinished(mongo: "Mongo") -> list[str]:
    """Copies of the log's values that something left behind, or is still at."""
    from infra import collections

    rebuilds = [
        f"rebuild {d['_id']}" async for d in mongo[collections.REBUILDS].find({}, {"_id": 1})
    ]
    names = await mongo.database.list_collection_names()
    prefix = f"{collections.TICKET_STATE}_rebuild_"
    return [*rebuilds, *(name for name in names if name.startswith(prefix))]


def kept_in_kafka(time: datetime) -> dict[str, datetime | str]:
    """Until when Kafka keeps what was written until `time`; the log keeps it until a rewrite."""
    from domain.topics import CHANGES, CLASSIFIED, DEAD_LETTERS, RAW, TOPICS

    kept: dict[str, datetime | str] = {
        spec.name: time + timedelta(milliseconds=spec.retention)
        for spec in TOPICS
        if spec.name in (RAW, CLASSIFIED, DEAD_LETTERS)
    }
    return {**kept, CHANGES: "deskstream log rewrite"}
