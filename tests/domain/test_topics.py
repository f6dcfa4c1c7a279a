"""The topics are those of the contract, kept as long as it says."""

import pytest

from domain.topics import TOPICS, TopicSpec

DAY = 24 * 60 * 60 * 1000
MIB = 1024 * 1024
BY_NAME = {topic.name: topic for topic in TOPICS}


@pytest.mark.parametrize(
    ("name", "retention", "largest", "append_time"),
    [
        ("ingestion.commands", 7 * DAY, 1 * MIB, True),
        ("ingestion.events", -1, 1 * MIB, False),
        ("tickets.raw", 30 * DAY, 1 * MIB, True),
        ("tickets.classified", 7 * DAY, 2 * MIB, True),
        ("tickets.changes", -1, 4 * MIB, False),
        ("tickets.dead-letters", 90 * DAY, 4 * MIB, False),
    ],
)
def test_a_topic_is_kept_as_the_contract_says(
    name: str, retention: int, largest: int, append_time: bool
) -> None:
    config = BY_NAME[name].config(replication=3)

    assert config == {
        "cleanup.policy": "delete",
        "retention.ms": str(retention),
        "retention.bytes": "-1",
        "max.message.bytes": str(largest),
        "message.timestamp.type": "LogAppendTime" if append_time else "CreateTime",
        "min.insync.replicas": "2",
        "unclean.leader.election.enable": "false",
    }


def test_there_are_no_other_topics() -> None:
    assert len(TOPICS) == len(BY_NAME) == 6


def test_every_topic_of_tickets_has_the_same_number_of_partitions() -> None:
    assert {t.partitions for t in TOPICS if t.name.startswith("tickets.")} == {None}


@pytest.mark.parametrize(("replication", "in_sync"), [(1, "1"), (2, "1"), (3, "2"), (5, "4")])
def test_one_replica_may_be_missing(replication: int, in_sync: str) -> None:
    topic = TopicSpec("t", DAY, MIB, append_time=True)

    assert topic.config(replication)["min.insync.replicas"] == in_sync
