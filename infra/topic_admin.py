"""Making our topics, and checking that they still are what was made."""

import asyncio
from collections.abc import Sequence
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAlreadyExistsError, for_code

from domain.topics import TOPICS, TopicSpec
from infra import collections
from infra.kafka import REQUEST_TIMEOUT_MS
from infra.kafka_security import client_security, explained
from infra.mongo import Mongo
from infra.settings import Settings

_CHECKED = ("cleanup.policy", "retention.ms", "retention.bytes", "message.timestamp.type")


class TopicAdmin:
    """Creates topics once and remembers how; a partition count is never changed later."""

    def __init__(self, settings: Settings, mongo: Mongo) -> None:
        self._settings = settings
        self._records = mongo[collections.TOPIC_RECORDS]
        self._client = AIOKafkaAdminClient(
            bootstrap_servers=settings.kafka_bootstrap_servers,
            **client_security(settings),
            request_timeout_ms=REQUEST_TIMEOUT_MS,
        )

    async def __aenter__(self) -> "TopicAdmin":
        async with explained(self._settings.kafka_bootstrap_servers, self._settings):
            await self._client.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()

    async def create(self) -> list[str]:
        """Make the topics that are missing; return their names."""
        existing = set(await self._client.list_topics())
        made = []
        for spec in TOPICS:
            name = self._settings.topic(spec.name)
            if name not in existing and await self._create(name, spec):
                made.append(name)
            await self._remember(name, spec)
        await self._until_known()
        return made

    async def make(self, name: str, like: TopicSpec) -> None:
        """Make a topic like one of ours, if it is not there; return when the broker shows it."""
        await self._create(self._settings.topic(name), like)
        await self._until([self._settings.topic(name)], there=True)

    async def remove(self, name: str) -> None:
        """Delete a topic, if it is there, with all that it holds; return when it is gone."""
        full = self._settings.topic(name)
        if full in await self._client.list_topics():
            await self._client.delete_topics([full], timeout_ms=REQUEST_TIMEOUT_MS)
        await self._until([full], there=False)

    async def members(self, groups: Sequence[str]) -> dict[str, int]:
        """How many consumers are in each of these groups that has any."""
        found: dict[str, int] = {}
        for group in groups:
            for answer in await self._client.describe_consumer_groups([group]):
                for described in answer.groups:
                    if described[5]:
                        found[group] = len(described[5])
        return found

    async def check(self) -> list[str]:
        """What differs from what was recorded at creation, a sentence each."""
        names = [self._settings.topic(spec.name) for spec in TOPICS]
        described = {t["topic"]: t for t in await self._client.describe_topics(names)}
        recorded = {d["_id"]: d async for d in self._records.find({"_id": {"$in": names}})}
        configs = await self._configs([n for n in names if not described[n]["error_code"]])
        findings: list[str] = []
        for name, spec in zip(names, TOPICS, strict=True):
            if name not in configs:
                findings.append(f"{name}: is missing; run `deskstream topics create`")
            elif name not in recorded:
                findings.append(f"{name}: was not made by `deskstream topics create`")
            else:
                partitions = len(described[name]["partitions"])
                findings += _differences(name, recorded[name], partitions, configs[name])
                if partitions != self._partitions(spec):
                    wanted = self._partitions(spec)
                    findings.append(
                        f"{name}: has {partitions} partitions, KAFKA_PARTITIONS={wanted}"
                    )
        return findings

    async def _create(self, name: str, spec: TopicSpec) -> bool:
        replication = self._settings.kafka_replication
        topic = NewTopic(
            name=name,
            num_partitions=self._partitions(spec),
            replication_factor=replication,
            topic_configs=spec.config(replication),
        )
        answer = await self._client.create_topics([topic], timeout_ms=REQUEST_TIMEOUT_MS)
        code = answer.topic_errors[0][1]
        if code and for_code(code) is TopicAlreadyExistsError:
            return False
        if code:
            raise for_code(code)(answer.topic_errors[0])
        return True

    async def _until_known(self) -> None:
        """Wait until the broker's metadata show what was made: it answers a moment earlier."""
        await self._until([self._settings.topic(spec.name) for spec in TOPICS], there=True)

    async def _until(self, names: Sequence[str], *, there: bool) -> None:
        while True:
            described = await self._client.describe_topics(list(names))
            if all(bool(topic["error_code"]) is not there for topic in described):
                return
            await asyncio.sleep(0.05)

    async def _remember(self, name: str, spec: TopicSpec) -> None:
        record = {
            "partitions": self._partitions(spec),
            "config": [[k, v] for k, v in spec.config(self._settings.kafka_replication).items()],
        }
        await self._records.update_one({"_id": name}, {"$setOnInsert": record}, upsert=True)

    def _partitions(self, spec: TopicSpec) -> int:
        return spec.partitions or self._settings.kafka_partitions

    async def _configs(self, names: Sequence[str]) -> dict[str, dict[str, str]]:
        if not names:
            return {}
        wanted = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
        found: dict[str, dict[str, str]] = {}
        for answer in await self._client.describe_configs(wanted):
            for resource in answer.resources:
                found[resource[3]] = {entry[0]: entry[1] for entry in resource[4]}
        return found


def _differences(
    name: str, recorded: dict[str, Any], partitions: int, config: dict[str, str]
) -> list[str]:
    findings = []
    if partitions != recorded["partitions"]:
        findings.append(
            f"{name}: has {partitions} partitions, was made with {recorded['partitions']}"
        )
    for setting, value in recorded["config"]:
        if setting in _CHECKED and config.get(setting) != value:
            findings.append(f"{name}: {setting} is {config.get(setting)}, was made with {value}")
    return findings
