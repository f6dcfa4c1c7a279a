"""Metrics in Prometheus' text format, made from what MongoDB says at the moment of the question.

A gauge that every process of the deployment would show alike; how a process does is its own matter.
"""

from collections.abc import Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Gauge, generate_latest

from domain.circuit import CircuitStatus, Phase
from infra.alert_backlog import Backlog

_PHASES: Final[tuple[Phase, ...]] = ("closed", "half_open", "open")


def rendered(backlog: Backlog, circuits: Mapping[str, CircuitStatus]) -> bytes:
    """The page that Prometheus reads."""
    registry = CollectorRegistry()
    alerts = Gauge(
        "deskstream_alerts", "Alerts that are not delivered, by state", ["state"], registry=registry
    )
    alerts.labels("pending").set(backlog.pending)
    alerts.labels("dead_letter").set(backlog.dead_letters)
    in_flight = Gauge("deskstream_alerts_in_flight", "Calls that are out", registry=registry)
    in_flight.set(backlog.in_flight)
    oldest = Gauge(
        "deskstream_alert_backlog_oldest_seconds",
        "Age of the oldest alert that waits, 0 if none does",
        registry=registry,
    )
    oldest.set(backlog.oldest_seconds)
    state = Gauge(
        "deskstream_circuit_state", "1 for the state that a circuit is in", ["circuit", "state"],
        registry=registry,
    )  # fmt: skip
    failures = Gauge(
        "deskstream_circuit_failures", "Failures among the last calls", ["circuit"],
        registry=registry,
    )  # fmt: skip
    for name, status in circuits.items():
        failures.labels(name).set(status.failures)
        for phase in _PHASES:
            state.labels(name, phase).set(status.phase == phase)
    return generate_latest(registry)
