"""The AsyncAPI document: every topic, what is on it, how it is kept, who writes and reads it."""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import yaml

from api.wakeups import REQUEST_ID
from domain.topics import (
    CHANGES,
    CLASSIFIED,
    COMMANDS,
    DEAD_LETTERS,
    RAW,
    RUN_EVENTS,
    TOPICS,
    TopicSpec,
)
from infra.settings import Settings

_BINDING: Final = "0.5.0"
_TICKET_KEY: Final = "`tenant:external_id`"
_PARTITION: Final = "murmur2 of the key, as Kafka's Java client has it"


class Channel(NamedTuple):
    """What a topic is for; `key` and `partition` say how its records are laid out."""

    says: str
    key: str
    partition: str
    messages: tuple[str, ...]
    writers: tuple[str, ...]
    readers: tuple[str, ...]


CHANNELS: Final = {
    COMMANDS: Channel(
        "Wakes workers: a run was requested. They poll as well, so that a lost one is a delay.",
        "the tenant",
        _PARTITION,
        ("run-command",),
        ("api",),
        ("ingestion agent",),
    ),
    RUN_EVENTS: Channel(
        "How every run ended, once or several times with the same content.",
        "the tenant",
        "the only one",
        ("run-audit",),
        ("ingestion agent",),
        ("ingestion_logs projector",),
    ),
    RAW: Channel(
        "What sources say of tickets, as CloudEvents 1.0: structured JSON, or binary with `ce_`"
        " headers and `data` as the value. Whoever may write here may write to every tenant.",
        f"{_TICKET_KEY}, the bare id, another of the same tenant, or none",
        "any; a ticket's records keep their order only within one",
        ("ticket-observed", "ticket-deleted", "run-ended"),
        ("ingestion agent", "upstream system", "redrive"),
        ("classifier agent",),
    ),
    CLASSIFIED: Channel(
        "Valid records with their labels; internal, its shape may change with any release.",
        f"{_TICKET_KEY}; none for what is about a run",
        "murmur2 of `tenant:external_id`, computed from the data",
        ("classified-record",),
        ("classifier agent", "replay", "reclassification", "erasure"),
        ("sync agent",),
    ),
    CHANGES: Channel(
        "The log: every change of every ticket, for ever. A reader applies a ticket's event if"
        " its version is the last + 1, ignores lower ones, which may come late and are the same"
        " byte for byte, and keeps back what comes after a gap.",
        f"{_TICKET_KEY}; none for a run's marker",
        "murmur2 of `tenant:external_id`; a run's marker stands on every one",
        ("change-event", "run-marker"),
        ("sync agent",),
        ("tickets projector", "notifier", "anyone"),
    ),
    DEAD_LETTERS: Channel(
        "What nothing could process: the original bytes, cut at 1 MiB, with the reason.",
        "the original's, if it had one",
        "by the position of the original",
        ("dead-letter",),
        ("ingestion agent", "classifier agent", "sync agent", "tickets projector"),
        ("dead_letters projector", "operator"),
    ),
}

_MESSAGES: Final = {
    "run-command": "A run was requested.",
    "run-audit": "A run ended.",
    "ticket-observed": "A source showed a ticket.",
    "ticket-deleted": "A source's ticket is gone.",
    "run-ended": "A run wrote nothing more to this partition of `tickets.raw`.",
    "classified-record": "A valid record, labelled.",
    "change-event": "A ticket was created, updated, deleted, restored or erased.",
    "run-marker": "Every change of the run on this partition stands before.",
    "dead-letter": "A record that nothing could process.",
}
_REQUEST: Final = {
    "type": "string",
    "description": "The `X-Request-ID` of the request, also in log lines about the run.",
}
_CHANGE_HEADERS: Final = {
    "type": "object",
    "properties": {
        "type": {"type": "string", "description": "As in the value."},
        "origin": {
            "type": "string",
            "pattern": "^[0-9]+/[0-9]+/[0-9]+$",
            "description": "`epoch/partition/offset` of the raw record, if there is one.",
        },
    },
}


def asyncapi() -> dict[str, Any]:
    """The document."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Deskstream",
            "version": "1",
            "description": (
                "Support tickets of many tenants as records of Kafka. Every topic name has the"
                " deployment's KAFKA_TOPIC_PREFIX before it. Every record may be delivered more"
                " than once. Who may write and read is up to Kafka: TLS, SASL and ACLs."
            ),
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "kafka": {
                "host": Settings.model_fields["kafka_bootstrap_servers"].default,
                "protocol": "kafka",
                "description": "KAFKA_BOOTSTRAP_SERVERS; its security is left to Kafka.",
            }
        },
        "channels": {_name(spec.name): _channel(spec) for spec in TOPICS},
        "operations": dict(_operations()),
        "components": {"messages": {name: _message(name) for name in _MESSAGES}},
    }


def as_yaml(document: dict[str, Any]) -> str:
    """The document as it stands in its file."""
    head = "# Made by `make contracts` from `dev/contracts/asyncapi.py`.\n"
    text: str = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=100)
    return head + text


def _channel(spec: TopicSpec) -> dict[str, Any]:
    channel = CHANNELS[spec.name]
    partitions = spec.partitions or Settings.model_fields["kafka_partitions"].default
    same = "" if spec.partitions else " As many partitions as KAFKA_PARTITIONS says, for good."
    config = spec.config(1)
    return {
        "address": spec.name,
        "description": (
            f"{channel.says} Key: {channel.key}. Partition: {channel.partition}.{same}"
            f" Timestamps: {config['message.timestamp.type']}."
        ),
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in channel.messages},
        "bindings": {
            "kafka": {
                "topic": spec.name,
                "partitions": partitions,
                "replicas": Settings.model_fields["kafka_replication"].default,
                "topicConfiguration": {
                    "cleanup.policy": [config["cleanup.policy"]],
                    "retention.ms": spec.retention,
                    "retention.bytes": int(config["retention.bytes"]),
                    "max.message.bytes": spec.max_message_bytes,
                },
                "bindingVersion": _BINDING,
            }
        },
    }


def _operations() -> Iterator[tuple[str, dict[str, Any]]]:
    for topic, channel in CHANNELS.items():
        for action, parties in (("send", channel.writers), ("receive", channel.readers)):
            for party in parties:
                yield (
                    _named(party, action, topic),
                    {
                        "action": action,
                        "title": f"{party} {'writes' if action == 'send' else 'reads'} {topic}",
                        "channel": {"$ref": f"#/channels/{_name(topic)}"},
                    },
                )


def _message(name: str) -> dict[str, Any]:
    message: dict[str, Any] = {"name": name, "title": name, "summary": _MESSAGES[name]}
    if name == "dead-letter":
        message["contentType"] = "application/octet-stream"
        message["headers"] = {"$ref": "./schemas/dead-letter-headers.json"}
        payload = {"description": "The original value, whatever it was.", "type": "string"}
        return {**message, "payload": payload}
    if name == "run-command":
        message["headers"] = {"type": "object", "properties": {REQUEST_ID: _REQUEST}}
    if name == "change-event":
        message["headers"] = _CHANGE_HEADERS
    return {**message, "payload": {"$ref": f"./schemas/{name}.json"}}


def _name(topic: str) -> str:
    """A topic as the name of its channel: references have no dots."""
    return topic.replace(".", "-")


def _named(party: str, action: str, topic: str) -> str:
    return f"{party} {action} {_name(topic)}".replace(" ", "-").replace("_", "-")
