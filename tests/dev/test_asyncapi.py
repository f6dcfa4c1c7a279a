"""The AsyncAPI document knows every topic as it is made, and leads nowhere into the void."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from jsonschema_rs import meta

from dev.contracts.asyncapi import CHANNELS
from dev.contracts.event_schemas import event_schemas
from dev.contracts.files import CONTRACTS
from domain.topics import TOPICS, TopicSpec

DOCUMENT: dict[str, Any] = yaml.safe_load((CONTRACTS / "asyncapi.yaml").read_text())


def references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if "$ref" in part:
            yield part["$ref"]
        part = list(part.values())
    if isinstance(part, list):
        for some in part:
            yield from references(some)


def found(reference: str) -> Any:
    """What a reference leads to, in the document or in a file beside it."""
    if not reference.startswith("#/"):
        return json.loads((CONTRACTS / reference).read_text())
    part: Any = DOCUMENT
    for name in reference.removeprefix("#/").split("/"):
        part = part[name]
    return part


@pytest.mark.parametrize("reference", sorted(set(references(DOCUMENT))))
def test_a_reference_leads_somewhere(reference: str) -> None:
    assert found(reference)


def test_every_schema_is_used_and_is_one() -> None:
    files = {path.stem for path in (CONTRACTS / "schemas").iterdir()}
    used = {name for name in references(DOCUMENT) if name.startswith("./")}

    assert files == event_schemas().keys()
    assert used == {f"./schemas/{name}.json" for name in files}
    for reference in used:
        meta.validate(found(reference))


def test_every_topic_has_a_channel_with_writers_and_readers() -> None:
    assert CHANNELS.keys() == {spec.name for spec in TOPICS}
    actions = {
        (operation["action"], found(operation["channel"]["$ref"])["address"])
        for operation in DOCUMENT["operations"].values()
    }

    assert actions == {(action, spec.name) for action in ("send", "receive") for spec in TOPICS}


@pytest.mark.parametrize("spec", TOPICS, ids=lambda spec: spec.name)
def test_a_topic_is_kept_as_the_document_says(spec: TopicSpec) -> None:
    [channel] = [c for c in DOCUMENT["channels"].values() if c["address"] == spec.name]

    said = channel["bindings"]["kafka"]["topicConfiguration"]
    made = spec.config(1)
    assert {name: str(value) for name, value in said.items() if name != "cleanup.policy"} == {
        name: made[name] for name in ("retention.ms", "retention.bytes", "max.message.bytes")
    }
    assert said["cleanup.policy"] == [made["cleanup.policy"]]
    assert channel["messages"]


def test_every_message_is_on_some_channel() -> None:
    on_channels = {name for c in DOCUMENT["channels"].values() for name in c["messages"]}

    assert on_channels == DOCUMENT["components"]["messages"].keys()
