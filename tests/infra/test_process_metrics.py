"""What a process counts of itself, and the page on which it shows it."""

from collections.abc import Mapping, Sequence
from typing import cast

import httpx
import pytest
from pymongo.errors import AutoReconnect

from dev.ports import LOOPBACK, free_port
from domain.errors import FenceError, NewerEventError
from infra import dead_letters
from infra.dead_letters import DeadLetter
from infra.kafka import Outgoing, Record
from infra.measured_step import MeasuredStep
from infra.metrics_page import MetricsAddressError, metrics_page
from infra.process_metrics import RECORDS, process_registry
from infra.publisher import Publisher
from infra.settings import Settings
from tests.infra.test_stage import World


def counted(name: str, **labels: str) -> float:
    """The value of a sample so far."""
    return process_registry().get_sample_value(name, labels) or 0.0


def records(partition: int, count: int) -> list[Record]:
    return [Record(partition, offset, None, b"x", (), 0) for offset in range(count)]


async def test_a_batch_is_counted_once_with_all_its_records() -> None:
    world = World()
    await world.create({0: 0, 1: 0})
    step = MeasuredStep("counting", world)
    known = await step.open([0, 1])

    after = await step.advance({0: records(0, 3), 1: records(1, 2)}, known)

    assert {p: checkpoint.next_offset for p, checkpoint in after.items()} == {0: 3, 1: 2}
    assert counted("deskstream_records_total", consumer="counting") == 5
    assert counted("deskstream_batch_duration_seconds_count", consumer="counting") == 1


@pytest.mark.parametrize(
    ("fault", "error", "reason"),
    [("fenced", FenceError, "fence"), ("down", AutoReconnect, "mongodb")],
)
async def test_a_batch_that_fails_is_no_progress(
    fault: str, error: type[Exception], reason: str
) -> None:
    world = World(faults=[fault])
    await world.create({0: 0})
    step = MeasuredStep(f"failing-{reason}", world)
    known = await step.open([0])

    with pytest.raises(error):
        await step.advance({0: records(0, 3)}, known)

    failures = counted(
        "deskstream_batch_failures_total", consumer=f"failing-{reason}", reason=reason
    )
    assert failures == 1
    assert counted("deskstream_records_total", consumer=f"failing-{reason}") == 0


async def test_records_that_nobody_can_read_are_a_reason_of_their_own() -> None:
    world = World(unreadable=0)
    await world.create({0: 0})
    step = MeasuredStep("unreadable", world)

    with pytest.raises(NewerEventError):
        await step.advance({0: records(0, 1)}, await step.open([0]))

    assert counted("deskstream_batch_failures_total", consumer="unreadable", reason="records") == 1


class _Acknowledging:
    async def publish(self, topic: str, some: Mapping[int, Sequence[Outgoing]]) -> dict[int, int]:
        return {partition: len(written) for partition, written in some.items()}


async def test_dead_letters_are_counted_by_where_they_stood() -> None:
    before = {name: _letters(name) for name in ("tickets.raw", "crawl")}
    positions = ["tickets.raw/0/1", "crawl/a-run/7", "tickets.raw/3/2"]

    await dead_letters.send(
        cast("Publisher", _Acknowledging()),
        (DeadLetter(position, "why", None, b"{}") for position in positions),
        4,
    )

    assert {name: _letters(name) - count for name, count in before.items()} == {
        "tickets.raw": 2,
        "crawl": 1,
    }


def _letters(origin: str) -> float:
    return counted("deskstream_dead_letters_total", origin=origin)


def paged(port: int) -> Settings:
    return Settings(_env_file=None, metrics_host=LOOPBACK, metrics_port=port)


def test_a_process_shows_its_metrics_while_it_lives() -> None:
    RECORDS.labels("shown").inc(7)
    port = free_port()
    url = f"http://{LOOPBACK}:{port}/metrics"

    with metrics_page(paged(port)):
        page = httpx.get(url, trust_env=False).text

    assert 'deskstream_records_total{consumer="shown"} 7.0' in page
    assert "process_resident_memory_bytes" in page
    assert "_created" not in page
    with pytest.raises(httpx.ConnectError):
        httpx.get(url, trust_env=False)


def test_without_a_port_nothing_is_served() -> None:
    with metrics_page(paged(0)):
        pass


def test_a_port_that_is_taken_is_named() -> None:
    port = free_port()
    with (
        metrics_page(paged(port)),
        pytest.raises(MetricsAddressError, match=f"METRICS_PORT={port}.*in use"),
        metrics_page(paged(port)),
    ):
        pass
