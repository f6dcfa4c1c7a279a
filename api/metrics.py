"""Metrics of the whole deployment, made from what the engines say at the moment of the question.

Every API process shows them alike; what could not be asked is left out, and `dependency_up` is 0.
"""

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple, TypeAlias

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from domain.circuit import Phase
from infra.lag import PartitionLag
from infra.process_metrics import process_registry
from infra.vital_signs import Stored, Vitals

_PHASES: Final[tuple[Phase, ...]] = ("closed", "half_open", "open")

# Name, labels and value.
Sample: TypeAlias = tuple[str, tuple[str, ...], float]


class Gauge(NamedTuple):
    """What a gauge says, and by what it is told apart."""

    help: str
    labels: tuple[str, ...] = ()


_PLACE: Final = ("consumer", "topic", "partition")
GAUGES: Final = {
    "deskstream_dependency_up": Gauge("1 if the engine answered in time", ("dependency",)),
    "deskstream_lag_events": Gauge("Records in the log beyond the checkpoint", _PLACE),
    "deskstream_lag_seconds": Gauge(
        "Age of the first record that waits, 0 if none does; left out where the log does not"
        " reach the checkpoint",
        _PLACE,
    ),
    "deskstream_partition_halted": Gauge("1 if the partition stands still until repaired", _PLACE),
    "deskstream_checkpoint_offset": Gauge("The next offset that the consumer processes", _PLACE),
    "deskstream_log_end_offset": Gauge(
        "The offset behind the last committed record", ("topic", "partition")
    ),
    "deskstream_parked_tickets": Gauge("Tickets whose next event could not be applied"),
    "deskstream_runs": Gauge("Runs that are on, by phase", ("phase",)),
    "deskstream_limiter_slots": Gauge("Calls to the helpdesk that count against its limit"),
    "deskstream_limiter_waiting": Gauge("Calls that wait for a slot"),
    "deskstream_limiter_held_seconds": Gauge("For how long a 429 still keeps all calls back"),
    "deskstream_alerts": Gauge("Alerts that are not delivered, by state", ("state",)),
    "deskstream_alerts_in_flight": Gauge("Calls of the receiver that are out"),
    "deskstream_alert_backlog_oldest_seconds": Gauge(
        "Age of the oldest alert that waits, 0 if none does"
    ),
    "deskstream_circuit_state": Gauge("1 for the state that a circuit is in", ("circuit", "state")),
    "deskstream_circuit_failures": Gauge("Failures among the last calls", ("circuit",)),
}


class _Deployment(Collector):
    def __init__(self, vitals: Vitals) -> None:
        self._vitals = vitals

    def collect(self) -> Iterable[GaugeMetricFamily]:
        families: dict[str, GaugeMetricFamily] = {}
        for name, labels, value in samples(self._vitals):
            if name not in families:
                gauge = GAUGES[name]
                families[name] = GaugeMetricFamily(name, gauge.help, labels=gauge.labels)
            families[name].add_metric(labels, value)
        return families.values()


def rendered(vitals: Vitals) -> bytes:
    """The page that Prometheus reads: the deployment, and this process."""
    registry = CollectorRegistry()
    registry.register(_Deployment(vitals))
    return generate_latest(registry) + generate_latest(process_registry())


def samples(vitals: Vitals) -> Iterator[Sample]:
    """Every gauge that these signs have a value for."""
    yield "deskstream_dependency_up", ("mongodb",), vitals.stored is not None
    yield "deskstream_dependency_up", ("kafka",), vitals.kafka_up
    if vitals.stored is not None:
        yield from _of_stored(vitals.stored)
    if vitals.lag is not None:
        yield from _of_lag(vitals.lag)


def _of_lag(lags: Iterable[PartitionLag]) -> Iterator[Sample]:
    ends: dict[tuple[str, str], int] = {}
    for lag in lags:
        place = (lag.consumer, lag.topic, str(lag.partition))
        ends[place[1:]] = lag.end_offset
        yield "deskstream_lag_events", place, lag.events
        yield "deskstream_partition_halted", place, lag.halted is not None
        yield "deskstream_checkpoint_offset", place, lag.next_offset
        if lag.seconds is not None:
            yield "deskstream_lag_seconds", place, lag.seconds
    for topic, end in ends.items():
        yield "deskstream_log_end_offset", topic, end


def _of_stored(stored: Stored) -> Iterator[Sample]:
    yield "deskstream_parked_tickets", (), stored.parked
    for phase, runs in stored.runs.items():
        yield "deskstream_runs", (phase,), runs
    yield "deskstream_limiter_slots", (), stored.limiter.used
    yield "deskstream_limiter_waiting", (), stored.limiter.waiting
    yield "deskstream_limiter_held_seconds", (), stored.limiter.held_seconds
    yield "deskstream_alerts", ("pending",), stored.alerts.pending
    yield "deskstream_alerts", ("dead_letter",), stored.alerts.dead_letters
    yield "deskstream_alerts_in_flight", (), stored.alerts.in_flight
    yield "deskstream_alert_backlog_oldest_seconds", (), stored.alerts.oldest_seconds
    for name, status in stored.circuits.items():
        yield "deskstream_circuit_failures", (name,), status.failures
        for phase in _PHASES:
            yield "deskstream_circuit_state", (name, phase), status.phase == phase
