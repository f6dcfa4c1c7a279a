"""A seeded feed of upstream records: every way in which a ticket's life reaches `tickets.raw`."""

import json
import random
import zlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from domain.identity import partition_of

_BEGIN = datetime(2026, 10, 1, tzinfo=UTC)
_TEXTS = (
    "Please tell me your opening hours.",
    "The export is broken since yesterday.",
    "Production is down, we lose money every minute!",
    "I was charged twice, please refund me.",
    "Thank you, it works again.",
)

_WHILE_LIVE = {
    "update": 45, "touch": 12, "older": 10, "equal": 8, "late": 5, "delete": 8, "repeat": 12,
}  # fmt: skip
_WHILE_GONE = {"update": 30, "older": 30, "late": 20, "repeat": 20}


class FeedRecord(NamedTuple):
    """One record for `tickets.raw`."""

    partition: int
    key: bytes | None
    value: bytes


@dataclass
class _Life:
    tenant_id: str
    external_id: str
    partition: int
    revision: int = 0
    updated: int = 0
    gone: bool = False
    sent: list[bytes] = field(default_factory=list)


class Feed:
    """Creations, updates, deletions, returns, repeats, and observations that come too late.

    All records of a ticket go to one partition, for half of the tickets another one than Kafka's
    own partitioner would choose; a hot ticket has a tenth of all records.
    """

    def __init__(self, seed: int, partitions: int, *, tickets: int = 400, hot: float = 0.1) -> None:
        self._random = random.Random(seed)
        self._partitions = partitions
        self._now = 0
        self._lives = [self._life(number) for number in range(tickets)]

    def take(self, count: int) -> list[FeedRecord]:
        """The next `count` records."""
        return [self._next() for _ in range(count)]

    def take_older_returns(self, updates: int = 40) -> list[FeedRecord]:
        """Each ticket updated many times, deleted, and back with what it once was.

        After it every earlier update looks new again: only their raw positions tell.
        """
        records = []
        for life in self._lives:
            for kind in (*["update"] * updates, "delete", "return"):
                self._now += 1
                if kind == "delete":
                    value = self._deleted(life)
                else:
                    value = self._observed(life, self._now if kind == "update" else 1, self._now)
                records.append(FeedRecord(life.partition, None, value))
        return records

    def _life(self, number: int) -> _Life:
        tenant, external_id = ("north", "south")[number % 2], f"F-{number}"
        key = f"{tenant}:{external_id}".encode()
        own = partition_of(key, self._partitions)
        other = zlib.crc32(key) % self._partitions
        return _Life(tenant, external_id, own if number % 4 < 2 else other)

    def _next(self) -> FeedRecord:
        self._now += 1
        chance = self._random.random
        life = self._lives[0] if chance() < 0.1 else self._random.choice(self._lives)
        if chance() < 0.01:
            value = b'{"specversion": "1.0", "type": "ticket.observed", "data": '
            return FeedRecord(life.partition, None, value)
        value = self._value(life)
        life.sent.append(value)
        key = f"{life.tenant_id}:{life.external_id}".encode() if chance() < 0.8 else None
        return FeedRecord(life.partition, key, value)

    def _value(self, life: _Life) -> bytes:
        now, last = self._now, life.updated
        if not life.revision:
            return self._observed(life, now, now)
        kinds = _WHILE_GONE if life.gone else _WHILE_LIVE
        kind = self._random.choices(list(kinds), list(kinds.values()))[0]
        moments = {
            "update": (now, now),
            "touch": (now, now),
            "older": (last - 50, now),
            "equal": (last, now),
            "late": (last, last - 9),
        }
        if kind in moments:
            return self._observed(life, *moments[kind], change=kind != "touch")
        return self._deleted(life) if kind == "delete" else self._random.choice(life.sent)

    def _observed(self, life: _Life, updated: int, time: int, *, change: bool = True) -> bytes:
        life.revision += change
        if time == self._now:
            life.gone = False
            life.updated = max(life.updated, updated)
        data = {
            "id": life.external_id,
            "tenant_id": life.tenant_id,
            "source": "email",
            "customer_id": f"c-{life.revision % 7}",
            "subject": f"{life.external_id} revision {life.revision}",
            "message": _TEXTS[life.revision % len(_TEXTS)],
            "status": ("open", "pending", "closed")[life.revision % 3],
            "created_at": _at(0),
            "updated_at": _at(updated),
        }
        return self._event("ticket.observed", data, time)

    def _deleted(self, life: _Life) -> bytes:
        life.gone = True
        data = {
            "tenant_id": life.tenant_id,
            "external_id": life.external_id,
            "deleted_at": _at(self._now),
        }
        return self._event("ticket.deleted", data, self._now)

    def _event(self, type_: str, data: dict[str, Any], time: int) -> bytes:
        envelope = {
            "specversion": "1.0",
            "type": type_,
            "source": "feed",
            "id": f"f{self._now}",
            "time": _at(time),
            "data": data,
        }
        return json.dumps(envelope).encode()


def _at(second: int) -> str:
    return (_BEGIN + timedelta(seconds=second)).isoformat()
