"""A status on the screen: tables and sentences, of every partition or of each consumer."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime

from rich.console import RenderableType
from rich.text import Text

from cli.output import table
from cli.status import Status
from domain.circuit import CircuitStatus
from infra.alert_backlog import Backlog
from infra.lag import PartitionLag
from infra.overview import ActiveJob, ParkedTicket

_PARTITIONS = (
    *("consumer", "topic", "partition", "next offset", "end offset"),
    *("events", "seconds"),
)
_CONSUMERS = ("consumer", "topic", "events", "seconds", "events/s", "to go, s")
_JOBS = ("job", "tenant", "phase", "since", "pages", "fetched", "worker")
_MOST_PARKED = 20


def lines(found: Status) -> Iterator[RenderableType]:
    """All of it, partition by partition."""
    yield table("Lag", _PARTITIONS, map(_partition_row, found.lag))
    yield from _besides(found)


def live_lines(found: Status, rates: Mapping[str, float], at: datetime) -> Iterator[RenderableType]:
    """The same by consumer, with how fast each is; it fits a screen."""
    moment = at.astimezone(UTC).strftime("%H:%M:%S")
    yield table(f"Lag at {moment} UTC", _CONSUMERS, _consumer_rows(found.lag, rates))
    yield from _besides(found)


def _besides(found: Status) -> Iterator[RenderableType]:
    if found.jobs:
        yield table("Runs", _JOBS, map(_job_row, found.jobs))
    else:
        yield Text("No run is on.")
    yield Text(alerts_line(found.alerts))
    for name, circuit in found.circuits.items():
        style = "" if circuit.phase == "closed" else "yellow"
        yield Text(circuit_line(name, circuit), style=style)
    for lag in found.lag:
        if lag.halted is not None:
            place = f"{lag.consumer} stands still on {lag.topic}[{lag.partition}]"
            yield Text(f"{place}: {lag.halted}", style="red")
    if found.parked:
        yield from _parked(found.parked)


def alerts_line(backlog: Backlog) -> str:
    """What waits to be told, in a sentence."""
    waiting = f"Alerts: {backlog.pending} wait, {backlog.in_flight} calls are out"
    if backlog.pending:
        waiting += f", the oldest is {backlog.oldest_seconds:.0f} s old"
    return f"{waiting}; {backlog.dead_letters} were refused for good."


def circuit_line(name: str, circuit: CircuitStatus) -> str:
    """How a circuit stands, in a sentence."""
    state = f"Circuit {name}: {circuit.phase.replace('_', ' ')}, {circuit.failures} failures"
    if circuit.retry_at is not None:
        state += f", the next call goes out at {circuit.retry_at.isoformat(timespec='seconds')}"
    return f"{state}."


def _consumer_rows(
    lags: Iterable[PartitionLag], rates: Mapping[str, float]
) -> Iterator[tuple[object, ...]]:
    by_consumer: dict[tuple[str, int, str], list[PartitionLag]] = {}
    for lag in lags:
        by_consumer.setdefault((lag.consumer, lag.generation, lag.topic), []).append(lag)
    for (consumer, generation, topic), some in by_consumer.items():
        name = consumer if generation == 1 else f"{consumer}, generation {generation}"
        events = sum(lag.events for lag in some)
        ages = [lag.seconds for lag in some if lag.seconds is not None]
        rate = rates.get(name_of(some[0]))
        to_go = events / rate if rate and events else None
        yield name, topic, events, max(ages, default=None), rate, to_go


def name_of(lag: PartitionLag) -> str:
    """The consumer and the generation that it keeps, as rates are told apart."""
    return f"{lag.consumer}:{lag.generation}"


def _parked(tickets: list[ParkedTicket]) -> Iterator[RenderableType]:
    yield table("Parked tickets", ("ticket", "events"), tickets[:_MOST_PARKED])
    if (others := len(tickets) - _MOST_PARKED) > 0:
        yield Text(f"... and {others} more.")


def _partition_row(lag: PartitionLag) -> tuple[object, ...]:
    place = (lag.consumer, lag.topic, lag.partition)
    return (*place, lag.next_offset, lag.end_offset, lag.events, lag.seconds)


def _job_row(job: ActiveJob) -> tuple[object, ...]:
    since = job.since.isoformat(timespec="seconds")
    pages = f"{job.pages_done} of {job.pages_total or '?'}"
    return job.job_id, job.tenant_id, job.phase, since, pages, job.fetched, job.worker
