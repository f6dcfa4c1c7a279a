"""Malformed records sent to every topic among good ones, and what must have come of them."""

import asyncio
import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final, NamedTuple, Self

from aiokafka import AIOKafkaProducer

from dev.malformed import FORGED_END, Malformed, malformed
from domain.dead_letters import read_letter
from domain.records import LIVE
from domain.topics import CHANGES, CLASSIFIED, DEAD_LETTERS, RAW, RUN_EVENTS
from infra import collections
from infra.kafka_security import client_security
from infra.mongo import Mongo
from infra.settings import Settings

TOPICS: Final = (RAW, CLASSIFIED, CHANGES, RUN_EVENTS, DEAD_LETTERS)
_LARGEST_REQUEST: Final = 2 * 1024 * 1024
_IN_FLIGHT: Final = 200
_POLL_SECONDS: Final = 0.1
_ASKED: Final = 5_000  # ids of one question


class Missing(NamedTuple):
    """What has not come yet."""

    letters: Sequence[str]
    tickets: Sequence[str]


class MalformedLoad:
    """Sends good and malformed records in turn, and remembers both; started as a context."""

    def __init__(self, settings: Settings, tenant_id: str, seed: int) -> None:
        self._settings = settings
        self._tenant_id = tenant_id
        self._seed = seed
        self._producer = AIOKafkaProducer(
            bootstrap_servers=settings.kafka_bootstrap_servers,
            **client_security(settings),
            max_request_size=_LARGEST_REQUEST,
            linger_ms=5,
        )
        self.letters: dict[str, str] = {}  # the kind of each, by the id its dead letter must have
        self.tickets: list[str] = []
        self.kinds = Counter[str]()

    async def __aenter__(self) -> Self:
        await self._producer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._producer.stop()

    async def send(self, count: int) -> None:
        """Write `count` malformed records, spread over the topics, each beside a good one."""
        supplies = {topic: malformed(topic, self._seed) for topic in TOPICS}
        for begun in range(0, count, _IN_FLIGHT):
            some = range(begun, min(begun + _IN_FLIGHT, count))
            topics = [TOPICS[number % len(TOPICS)] for number in some]
            async with asyncio.TaskGroup() as group:
                for topic in topics:
                    group.create_task(self._spoil(topic, next(supplies[topic])))
                for number in some:
                    group.create_task(self._show(f"G-{self._seed}-{number}"))

    async def missing(self, mongo: Mongo) -> Missing:
        """Which dead letters and tickets there are not."""
        letters = await _absent(mongo, collections.DEAD_LETTERS, list(self.letters))
        return Missing(letters, await _absent(mongo, "tickets", self.tickets))

    async def until_all_came(self, mongo: Mongo, seconds: float) -> None:
        """Wait until every malformed record is a dead letter, and every good one readable.

        Raises:
            TimeoutError: some are not, after so many seconds; it says what kinds.
        """
        deadline = asyncio.get_running_loop().time() + seconds
        while any(missing := await self.missing(mongo)):
            if asyncio.get_running_loop().time() > deadline:
                kinds = Counter(self.letters[id_] for id_ in missing.letters)
                raise TimeoutError(f"{len(missing.tickets)} tickets are missing, letters: {kinds}")
            await asyncio.sleep(_POLL_SECONDS)

    async def surplus(self, mongo: Mongo, before: int) -> int:
        """How many letters there are beyond those sent, if there were `before` at first."""
        there = await mongo[collections.DEAD_LETTERS].count_documents({})
        return there - before - len(self.letters)

    async def _spoil(self, topic: str, record: Malformed) -> None:
        sent = await self._producer.send_and_wait(
            self._settings.topic(topic), record.value, key=record.key, headers=list(record.headers)
        )
        id_ = letter_id(topic, record, sent.partition, sent.offset, sent.timestamp)
        self.letters[id_] = f"{topic}: {record.kind}"
        self.kinds[self.letters[id_]] += 1

    async def _show(self, external_id: str) -> None:
        await self._producer.send_and_wait(
            self._settings.topic(RAW), json.dumps(_good(self._tenant_id, external_id)).encode()
        )
        self.tickets.append(f"{self._tenant_id}:{external_id}")


def letter_id(topic: str, record: Malformed, partition: int, offset: int, timestamp: int) -> str:
    """The id that the dead letter of a record has, which stood there."""
    if topic == DEAD_LETTERS:
        stood = f"{partition}/{offset}"
        value = record.value or b""
        return read_letter(stood, record.key, value, record.headers, timestamp).id
    place = f"{topic}/{partition}/{offset}"
    if record.kind == FORGED_END:
        place = f"{CLASSIFIED}/marker/{LIVE}/{partition}/{offset}"
    return hashlib.sha256(place.encode()).hexdigest()


def _good(tenant_id: str, external_id: str) -> Mapping[str, Any]:
    ticket = {
        "id": external_id, "tenant_id": tenant_id, "source": "email", "customer_id": "c-1",
        "subject": f"Cannot log in ({external_id})", "message": "It says invalid credentials.",
        "status": "open", "created_at": "2026-11-20T10:00:00Z",
    }  # fmt: skip
    envelope = {"specversion": "1.0", "type": "ticket.observed", "source": "crm", "id": external_id}
    return envelope | {"data": ticket}


async def _absent(mongo: Mongo, collection: str, ids: Sequence[str]) -> list[str]:
    absent: list[str] = []
    for some in _slices(ids):
        found = mongo[collection].find({"_id": {"$in": some}}, {"_id": 1})
        there = {document["_id"] async for document in found}
        absent += [id_ for id_ in some if id_ not in there]
    return absent


def _slices(ids: Sequence[str]) -> Iterator[list[str]]:
    rest = iter(ids)
    while some := list(islice(rest, _ASKED)):
        yield some
