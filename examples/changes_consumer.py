"""Keeps a table of tickets from `tickets.changes`, exactly once in effect, in a SQLite file.

    python examples/changes_consumer.py tickets.db [--once]

The rows and the offsets change in one transaction, so that this may be killed at any moment.
Needs aiokafka; KAFKA_BOOTSTRAP_SERVERS, KAFKA_TOPIC_PREFIX.
"""

import asyncio
import json
import os
import sqlite3
import sys
from collections import Counter
from collections.abc import Iterable
from typing import Any, Literal, NamedTuple, TypeAlias

from aiokafka import AIOKafkaConsumer, TopicPartition

SCHEMA_VERSION = 2
TABLES = """
CREATE TABLE IF NOT EXISTS tickets (key TEXT PRIMARY KEY, version INTEGER, ticket TEXT);
CREATE TABLE IF NOT EXISTS parked (key TEXT, version INT, event TEXT, PRIMARY KEY (key, version));
CREATE TABLE IF NOT EXISTS offsets (partition INTEGER PRIMARY KEY, next INTEGER);
"""

Effect: TypeAlias = Literal["applied", "known", "parked"]


class Entry(NamedTuple):
    """A record of the log."""

    partition: int
    offset: int
    value: bytes


class Table:
    """Tickets as far as the log was read."""

    def __init__(self, path: str) -> None:
        self._db = sqlite3.connect(path)
        self._db.executescript(TABLES)

    def next_offset(self, partition: int) -> int:
        """Where to read on."""
        return self._number("SELECT next FROM offsets WHERE partition = ?", partition)

    def take(self, entries: Iterable[Entry]) -> list[Effect]:
        """Apply entries and move the offsets, all of it or nothing."""
        with self._db:
            effects = []
            for entry in entries:
                event = json.loads(entry.value)
                if event["kind"] == "change":  # else: a run's marker, which is nobody's ticket
                    effects.append(self._take(event))
                place = [entry.partition, entry.offset + 1]
                self._db.execute("REPLACE INTO offsets VALUES (?, ?)", place)
            return effects

    def _take(self, event: dict[str, Any]) -> Effect:
        if event["schema_version"] > SCHEMA_VERSION:
            raise SystemExit(f"{event['id']} is of a later release: upgrade this first")
        key, version = f"{event['tenant_id']}:{event['external_id']}", event["version"]
        known = self._number("SELECT version FROM tickets WHERE key = ?", key)
        if version <= known:
            return "known"  # duplicates are the same byte for byte, and may come late
        if version > known + 1:  # an event is missing: others go on, this ticket waits
            row = [key, version, json.dumps(event)]
            self._db.execute("REPLACE INTO parked VALUES (?, ?, ?)", row)
            return "parked"
        self._apply(key, event)
        return "applied"

    def _apply(self, key: str, event: dict[str, Any]) -> None:
        row = [key, event["version"], json.dumps(event["ticket"])]
        self._db.execute("REPLACE INTO tickets VALUES (?, ?, ?)", row)
        following = [key, event["version"] + 1]
        where = "FROM parked WHERE key = ? AND version = ?"
        for (waiting,) in self._db.execute(f"SELECT event {where}", following).fetchall():
            self._db.execute(f"DELETE {where}", following)
            self._apply(key, json.loads(waiting))

    def _number(self, query: str, name: str | int) -> int:
        return next((found for (found,) in self._db.execute(query, [name])), 0)


async def main(path: str, *options: str) -> None:
    """Follow the log; with `--once`, to where it ends now."""
    table = Table(path)
    topic = os.environ.get("KAFKA_TOPIC_PREFIX", "") + "tickets.changes"
    consumer = AIOKafkaConsumer(
        bootstrap_servers=os.environ.get("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:19092"),
        enable_auto_commit=False,  # the offsets that count are in the table
        auto_offset_reset="none",  # an offset that is gone is no reason to skip
        isolation_level="read_committed",
    )
    await consumer.start()
    try:
        await consumer._client.add_topic(topic)  # or it knows of no partitions
        places = [TopicPartition(topic, p) for p in consumer.partitions_for_topic(topic)]
        ends = await consumer.end_offsets(places)
        consumer.assign(places)
        for place in places:
            consumer.seek(place, table.next_offset(place.partition))
        while "--once" not in options or any(
            [await consumer.position(place) < ends[place] for place in places]
        ):
            fetched = await consumer.getmany(timeout_ms=500)
            records = [record for some in fetched.values() for record in some]
            counts = Counter(table.take(Entry(r.partition, r.offset, r.value) for r in records))
            for effect, count in counts.items():
                print(f"{count} {effect}")
    finally:
        await consumer.stop()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
