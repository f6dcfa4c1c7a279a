"""Looks at the deployment, one after the other: what is shown, and what survives."""

import asyncio
import io
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError
from pymongo.errors import ServerSelectionTimeoutError
from rich.console import Console, Group

from cli.status import Status
from cli.status_view import alerts_line, circuit_line, lines, live_lines
from cli.status_watch import Screen, rates, watch
from domain.circuit import CircuitStatus, Phase
from infra.alert_backlog import Backlog
from infra.lag import PartitionLag
from infra.overview import ParkedTicket

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def lag(partition: int, offset: int, **fields: Any) -> PartitionLag:
    known = {"events": 0, "seconds": 0.0, "halted": None, "generation": 1, **fields}
    return PartitionLag(
        "tickets",
        topic="tickets.changes",
        partition=partition,
        next_offset=offset,
        end_offset=offset + known["events"],
        **known,
    )


def status(*lags: PartitionLag, parked: int = 0) -> Status:
    tickets = [ParkedTicket(f"acme:{number}", 1) for number in range(parked)]
    return Status(list(lags), [], tickets, Backlog(0, 0, 0, 0.0), {})


def printed(*found: Any) -> str:
    out = io.StringIO()
    Console(file=out, width=160).print(Group(*found))
    return out.getvalue()


class Looks:
    """A view that keeps what it is shown, and the looks that there are; then it is enough."""

    def __init__(self, *found: Status | Exception) -> None:
        self.left = list(found)
        self.now = 0.0
        self.shown: list[Mapping[str, float] | str] = []

    async def ask(self) -> Status:
        if not self.left:
            raise asyncio.CancelledError
        self.now += 2.0
        found = self.left.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    def show(self, found: Status, rates: Mapping[str, float]) -> None:
        self.shown.append(dict(rates))

    def fail(self, reason: str) -> None:
        self.shown.append(reason)


async def watched(*found: Status | Exception) -> list[Mapping[str, float] | str]:
    looks = Looks(*found)
    with pytest.raises(asyncio.CancelledError):
        await watch(looks.ask, looks, 0.0, lambda: looks.now)
    return looks.shown


async def test_rates_are_what_moved_between_two_looks() -> None:
    before, after = status(lag(0, 10), lag(1, 5)), status(lag(0, 30), lag(1, 15))

    assert await watched(before, after) == [{}, {"tickets:1": 15.0}]


async def test_an_outage_is_a_line_and_rates_begin_anew_behind_it() -> None:
    looks = (
        status(lag(0, 10)),
        ServerSelectionTimeoutError("nobody there (a page about the topology)"),
        KafkaConnectionError("gone"),
        status(lag(0, 500)),
        status(lag(0, 520)),
    )

    assert await watched(*looks) == [
        {},
        "MongoDB cannot be used: nobody there",
        "no Kafka answers at KAFKA_BOOTSTRAP_SERVERS",
        {},
        {"tickets:1": 10.0},
    ]


async def test_a_defect_is_no_outage() -> None:
    looks = Looks(LookupError("a defect"))

    with pytest.raises(LookupError):
        await watch(looks.ask, looks, 0.0)


def test_a_partition_that_is_new_or_was_put_back_counts_for_none() -> None:
    before = [lag(0, 10), lag(1, 50), lag(2, 7, generation=2)]
    after = [lag(0, 14), lag(1, 20), lag(2, 900)]

    assert rates(before, after, 2.0) == {"tickets:1": 2.0}
    assert rates(before, after, 0.0) == {}


def test_each_consumer_is_a_row_with_its_rate_and_the_time_to_go() -> None:
    found = status(lag(0, 10, events=300, seconds=4.0), lag(1, 5, events=100, seconds=9.5))

    shown = printed(*live_lines(found, {"tickets:1": 40.0}, NOON))

    assert "Lag at 12:00:00 UTC" in shown
    [row] = [line.split() for line in shown.splitlines() if "tickets.changes" in line]
    assert row == ["tickets", "tickets.changes", "400", "9.5", "40.0", "10.0"]


def test_what_stands_still_is_shown_with_the_reason() -> None:
    found = status(lag(3, 10, halted="its log lost [records]"), parked=25)

    for shown in (printed(*lines(found)), printed(*live_lines(found, {}, NOON))):
        assert "tickets stands still on tickets.changes[3]: its log lost [records]" in shown
        assert "acme:19" in shown
        assert "acme:20" not in shown
        assert "... and 5 more." in shown


@pytest.mark.parametrize(
    ("backlog", "said"),
    [
        (Backlog(0, 0, 0, 0.0), "Alerts: 0 wait, 0 calls are out; 0 were refused for good."),
        (
            Backlog(7, 2, 1, 63.4),
            "Alerts: 7 wait, 2 calls are out, the oldest is 63 s old; 1 were refused for good.",
        ),
    ],
)
def test_alerts_are_a_sentence(backlog: Backlog, said: str) -> None:
    assert alerts_line(backlog) == said


@pytest.mark.parametrize(
    ("phase", "failures", "retry_at", "said"),
    [
        ("closed", 0, None, "Circuit notify: closed, 0 failures."),
        ("half_open", 5, None, "Circuit notify: half open, 5 failures."),
        (
            "open",
            5,
            NOON,
            "Circuit notify: open, 5 failures, the next call goes out at"
            " 2026-01-31T12:00:00+00:00.",
        ),
    ],
)
def test_a_circuit_is_a_sentence(
    phase: Phase, failures: int, retry_at: datetime | None, said: str
) -> None:
    circuit = CircuitStatus(phase, failures, retry_at, retry_at)

    assert circuit_line("notify", circuit) == said


def test_where_there_is_no_terminal_looks_stand_below_each_other() -> None:
    out = io.StringIO()
    view = Screen(Console(file=out, width=160), None)

    view.show(status(lag(0, 1)), {})
    view.fail("MongoDB cannot be used")
    view.show(status(lag(0, 2)), {})

    shown = out.getvalue()
    assert shown.count("tickets.changes") == 2
    assert shown.index("MongoDB cannot be used") > shown.index("tickets.changes")
