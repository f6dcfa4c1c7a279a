"""`python -m dev.access_lists`: who may do what in Kafka, role by role, as commands.

The table of topics in section 6 of the contract, turned round: a role for each process, one for
the operators' command line, and one for upstream systems, which may write raw records only.
"""

import shlex
from collections.abc import Iterator, Mapping
from typing import Annotated, Final, Literal, NamedTuple

import typer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import for_code
from aiokafka.protocol.admin import CreateAclsRequest

from domain.topics import (
    CHANGES,
    CLASSIFIED,
    COMMANDS,
    DEAD_LETTERS,
    RAW,
    RUN_EVENTS,
    TOPICS,
)

Operation = Literal["Read", "Write", "Create", "Describe", "DescribeConfigs"]
Resource = Literal["topic", "group"]

_OPERATIONS: Final = {"Read": 3, "Write": 4, "Create": 5, "Describe": 8, "DescribeConfigs": 10}
_RESOURCES: Final = {"topic": 2, "group": 3}
_LITERAL, _PREFIXED, _ALLOW = 3, 4, 3
_PROJECTORS: Final = "deskstream.projector."


class Grant(NamedTuple):
    """What is allowed: an operation on a topic or group, or on all whose names begin so."""

    operation: Operation
    resource: Resource
    name: str
    prefixed: bool = False


def _topics(operation: Operation, *names: str) -> list[Grant]:
    return [Grant(operation, "topic", name) for name in names]


# Every process looks at all topics when it starts, and refuses what is not as it was made.
_LOOK: Final = [
    grant
    for spec in TOPICS
    for grant in (*_topics("Describe", spec.name), *_topics("DescribeConfigs", spec.name))
]

ROLES: Final[Mapping[str, list[Grant]]] = {
    "worker": [
        *_LOOK,
        *_topics("Read", COMMANDS, RAW, CLASSIFIED, CHANGES),
        *_topics("Write", RAW, CLASSIFIED, CHANGES, RUN_EVENTS, DEAD_LETTERS),
        Grant("Read", "group", "deskstream.worker"),
    ],
    "projector": [
        *_LOOK,
        *_topics("Read", CHANGES, RUN_EVENTS, DEAD_LETTERS),
        *_topics("Write", DEAD_LETTERS),
        Grant("Read", "group", _PROJECTORS, prefixed=True),
    ],
    "notifier": [
        *_LOOK,
        *_topics("Read", CHANGES),
        Grant("Read", "group", "deskstream.notifier"),
    ],
    "api": [*_LOOK, *_topics("Write", COMMANDS)],
    "operator": [
        *_LOOK,
        *(grant for spec in TOPICS for grant in _topics("Create", spec.name)),
        *_topics("Read", *(spec.name for spec in TOPICS)),
        *_topics("Write", RAW, CLASSIFIED, DEAD_LETTERS),
        Grant("Describe", "group", "deskstream.", prefixed=True),
    ],
    "upstream": _topics("Write", RAW),
}


async def grant_all(admin: AIOKafkaAdminClient, prefix: str = "") -> None:
    """Make every list; a role is the user of its name.

    Raises:
        KafkaError: the broker refuses one.
    """
    client = admin._client
    for role, grants in ROLES.items():
        for grant in grants:
            request = CreateAclsRequest(
                _RESOURCES[grant.resource],
                prefix + grant.name,
                _PREFIXED if grant.prefixed else _LITERAL,
                f"User:{role}",
                "*",
                _OPERATIONS[grant.operation],
                _ALLOW,
            )
            answer = await client.send(client.get_random_node(), request)
            for code, message in answer.creation_responses:
                if code:
                    raise for_code(code)(message)


def commands(bootstrap: str, config: str, prefix: str = "") -> Iterator[str]:
    """The same as command lines of Kafka's own `kafka-acls.sh`, one per role and resource."""
    for role, grants in ROLES.items():
        for resource, prefixed in (("topic", False), ("group", False), ("group", True)):
            fitting = [g for g in grants if (g.resource, g.prefixed) == (resource, prefixed)]
            for name in dict.fromkeys(grant.name for grant in fitting):
                words = ["kafka-acls.sh", "--bootstrap-server", bootstrap]
                words += ["--command-config", config, "--add", "--allow-principal", f"User:{role}"]
                for grant in fitting:
                    words += ["--operation", grant.operation] if grant.name == name else []
                words += [f"--{resource}", prefix + name]
                words += ["--resource-pattern-type", "prefixed"] if prefixed else []
                yield shlex.join(words)


def main(
    bootstrap: Annotated[str, typer.Option(help="Where Kafka is.")] = "127.0.0.1:19092",
    config: Annotated[str, typer.Option(help="How an administrator gets in.")] = "admin.properties",
    prefix: Annotated[str, typer.Option(help="KAFKA_TOPIC_PREFIX.")] = "",
) -> None:
    """Print a command for each list."""
    for command in commands(bootstrap, config, prefix):
        typer.echo(command)


if __name__ == "__main__":
    typer.run(main)
