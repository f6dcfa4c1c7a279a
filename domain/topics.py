"""The topics of section 6 of the contract, as data."""

from typing import Final, NamedTuple

RAW: Final = "tickets.raw"
CLASSIFIED: Final = "tickets.classified"
CHANGES: Final = "tickets.changes"
DEAD_LETTERS: Final = "tickets.dead-letters"
COMMANDS: Final = "ingestion.commands"
RUN_EVENTS: Final = "ingestion.events"

_DAY: Final = 24 * 60 * 60 * 1000
_MIB: Final = 1024 * 1024
FOR_EVER: Final = -1


class TopicSpec(NamedTuple):
    """How a topic is made: `retention` in milliseconds, `partitions` if not as many as tickets."""

    name: str
    retention: int
    max_message_bytes: int
    append_time: bool
    partitions: int | None = None

    def config(self, replication: int) -> dict[str, str]:
        """The topic's settings, as Kafka spells them."""
        return {
            "cleanup.policy": "delete",
            "retention.ms": str(self.retention),
            "retention.bytes": str(FOR_EVER),
            "max.message.bytes": str(self.max_message_bytes),
            "message.timestamp.type": "LogAppendTime" if self.append_time else "CreateTime",
            "min.insync.replicas": str(max(1, replication - 1)),
            "unclean.leader.election.enable": "false",
        }


TOPICS: Final = (
    TopicSpec(COMMANDS, 7 * _DAY, _MIB, append_time=True),
    TopicSpec(RUN_EVENTS, FOR_EVER, _MIB, append_time=False, partitions=1),
    TopicSpec(RAW, 30 * _DAY, _MIB, append_time=True),
    TopicSpec(CLASSIFIED, 7 * _DAY, 2 * _MIB, append_time=True),
    TopicSpec(CHANGES, FOR_EVER, 4 * _MIB, append_time=False),
    TopicSpec(DEAD_LETTERS, 90 * _DAY, 4 * _MIB, append_time=False),
)
