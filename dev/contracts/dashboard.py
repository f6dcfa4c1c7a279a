"""The Grafana dashboard, made of rows of panels: `docs/operations/grafana.json`.

Every API process shows the deployment's gauges alike, so that a query takes their maximum before
it adds anything up.
"""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

_SOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}
_COLUMNS: Final = 3
_WIDTH: Final = 24 // _COLUMNS
_HEIGHT: Final = 7
_PLACE: Final = "max by (consumer, topic, partition)"
_HTTP: Final = "deskstream_http_request_duration_seconds"


class Panel(NamedTuple):
    """One picture: its unit as Grafana spells it, and queries with the legend of each."""

    title: str
    unit: str
    queries: tuple[tuple[str, str], ...]


def _quantile(quantile: float, histogram: str, by: str) -> str:
    buckets = f"sum by (le, {by}) (rate({histogram}_bucket[$__rate_interval]))"
    return f"histogram_quantile({quantile}, {buckets})"


def _rate(counter: str, by: str) -> str:
    return f"sum by ({by}) (rate({counter}[$__rate_interval]))"


def _gauge_rate(gauge: str, place: str, by: str) -> str:
    moved = f"max by ({place}) (deriv({gauge}[$__rate_interval]))"
    return f"sum by ({by}) (clamp_min({moved}, 0))"


ROWS: Final[tuple[tuple[str, tuple[Panel, ...]], ...]] = (
    (
        "Pipeline lag",
        (
            Panel(
                "Events behind",
                "short",
                ((f"sum by (consumer) ({_PLACE} (deskstream_lag_events))", "{{consumer}}"),),
            ),
            Panel(
                "Seconds behind, slowest partition",
                "s",
                (("max by (consumer) (deskstream_lag_seconds)", "{{consumer}}"),),
            ),
            Panel(
                "Stands still",
                "short",
                (
                    (f"sum({_PLACE} (deskstream_partition_halted))", "halted partitions"),
                    ("max(deskstream_parked_tickets)", "parked tickets"),
                    ("2 - sum(min by (dependency) (deskstream_dependency_up))", "engines down"),
                ),
            ),
        ),
    ),
    (
        "Rates",
        (
            Panel(
                "Records processed, by checkpoints",
                "cps",
                (
                    (
                        _gauge_rate(
                            "deskstream_checkpoint_offset",
                            "consumer, topic, partition",
                            "consumer",
                        ),
                        "{{consumer}}",
                    ),
                ),
            ),
            Panel(
                "Records written, by topic",
                "cps",
                (
                    (
                        _gauge_rate("deskstream_log_end_offset", "topic, partition", "topic"),
                        "{{topic}}",
                    ),
                ),
            ),
            Panel(
                "Records processed, by process",
                "cps",
                ((_rate("deskstream_records_total", "consumer, instance"), "{{consumer}}"),),
            ),
            Panel(
                "Batches that are tried again",
                "cps",
                (
                    (
                        _rate("deskstream_batch_failures_total", "consumer, reason"),
                        "{{consumer}}: {{reason}}",
                    ),
                    (
                        "sum(rate(deskstream_transaction_retries_total[$__rate_interval]))",
                        "transactions that met",
                    ),
                ),
            ),
            Panel(
                "Dead letters, by origin",
                "cps",
                ((_rate("deskstream_dead_letters_total", "origin"), "{{origin}}"),),
            ),
        ),
    ),
    (
        "Latencies",
        (
            Panel(
                "Batch, p95",
                "s",
                (
                    (
                        _quantile(0.95, "deskstream_batch_duration_seconds", "consumer"),
                        "{{consumer}}",
                    ),
                ),
            ),
            Panel(
                "HTTP, p95 by route",
                "s",
                ((_quantile(0.95, _HTTP, "method, route"), "{{method}} {{route}}"),),
            ),
            Panel(
                "HTTP answers, by status",
                "reqps",
                (
                    (_rate(f"{_HTTP}_count", "status"), "{{status}}"),
                    ("sum(deskstream_http_requests_in_flight)", "in flight"),
                ),
            ),
            Panel(
                "Classification, per record",
                "s",
                (
                    (
                        "sum(rate(deskstream_classification_seconds_total[$__rate_interval]))"
                        " / sum(rate("
                        'deskstream_records_total{consumer="classifier"}[$__rate_interval]))',
                        "mean",
                    ),
                ),
            ),
        ),
    ),
    (
        "Ingestion",
        (
            Panel("Runs", "short", (("max by (phase) (deskstream_runs)", "{{phase}}"),)),
            Panel(
                "Crawled",
                "cps",
                (
                    ("sum(rate(deskstream_crawl_pages_total[$__rate_interval]))", "pages"),
                    ("sum(rate(deskstream_crawl_rows_total[$__rate_interval]))", "rows"),
                ),
            ),
            Panel(
                "Calls of the helpdesk",
                "reqps",
                (
                    (
                        _rate("deskstream_helpdesk_call_duration_seconds_count", "outcome"),
                        "{{outcome}}",
                    ),
                ),
            ),
            Panel(
                "The shared limit",
                "short",
                (
                    ("max(deskstream_limiter_slots)", "slots taken"),
                    ("max(deskstream_limiter_waiting)", "calls that wait"),
                ),
            ),
            Panel(
                "Waiting for the limit",
                "s",
                (
                    (
                        "histogram_quantile(0.95, sum by (le)"
                        " (rate(deskstream_limiter_wait_seconds_bucket[$__rate_interval])))",
                        "p95",
                    ),
                    ("max(deskstream_limiter_held_seconds)", "held by a 429"),
                ),
            ),
        ),
    ),
    (
        "Alerts",
        (
            Panel(
                "Not delivered",
                "short",
                (
                    ("max by (state) (deskstream_alerts)", "{{state}}"),
                    ("max(deskstream_alerts_in_flight)", "calls out"),
                ),
            ),
            Panel(
                "Oldest that waits",
                "s",
                (("max(deskstream_alert_backlog_oldest_seconds)", "age"),),
            ),
            Panel(
                "Calls of the receiver",
                "reqps",
                (
                    (
                        _rate("deskstream_alert_call_duration_seconds_count", "outcome"),
                        "{{outcome}}",
                    ),
                ),
            ),
        ),
    ),
    (
        "Circuit breakers",
        (
            Panel(
                "Open or half open",
                "short",
                (
                    (
                        'max by (circuit, state) (deskstream_circuit_state{state!="closed"})',
                        "{{circuit}}: {{state}}",
                    ),
                ),
            ),
            Panel(
                "Failures among the last calls",
                "short",
                (("max by (circuit) (deskstream_circuit_failures)", "{{circuit}}"),),
            ),
        ),
    ),
    (
        "Processes",
        (
            Panel(
                "Memory",
                "bytes",
                (('process_resident_memory_bytes{job=~"$job"}', "{{job}} {{instance}}"),),
            ),
            Panel(
                "CPU",
                "percentunit",
                (
                    (
                        'rate(process_cpu_seconds_total{job=~"$job"}[$__rate_interval])',
                        "{{job}} {{instance}}",
                    ),
                ),
            ),
            Panel(
                "File descriptors",
                "short",
                (('process_open_fds{job=~"$job"}', "{{job}} {{instance}}"),),
            ),
        ),
    ),
)


def dashboard() -> dict[str, Any]:
    """The dashboard as Grafana imports it."""
    return {
        "uid": "deskstream",
        "title": "Deskstream",
        "description": "Made by `make contracts` from `dev/contracts/dashboard.py`.",
        "tags": ["deskstream"],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "10s",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {"list": _variables()},
        "panels": list(_panels()),
    }


def _variables() -> list[dict[str, Any]]:
    job = {
        "name": "job",
        "label": "Processes",
        "type": "query",
        "datasource": _SOURCE,
        "query": "label_values(deskstream_http_requests_in_flight, job)",
        "refresh": 2,
        "multi": True,
        "includeAll": True,
        "current": {"text": "All", "value": "$__all"},
    }
    source = {"name": "datasource", "label": "Prometheus", "type": "datasource"}
    return [source | {"query": "prometheus"}, job]


def _panels() -> Iterator[dict[str, Any]]:
    number = y = 0
    for title, panels in ROWS:
        number += 1
        yield {
            "id": number,
            "type": "row",
            "title": title,
            "collapsed": False,
            "gridPos": {"h": 1, "w": 24, "x": 0, "y": y},
            "panels": [],
        }
        y += 1
        for index, panel in enumerate(panels):
            number += 1
            x = index % _COLUMNS * _WIDTH
            place = {"h": _HEIGHT, "w": _WIDTH, "x": x, "y": y + index // _COLUMNS * _HEIGHT}
            yield {"id": number, "gridPos": place, **_picture(panel)}
        y += -(-len(panels) // _COLUMNS) * _HEIGHT


def _picture(panel: Panel) -> dict[str, Any]:
    return {
        "type": "timeseries",
        "title": panel.title,
        "datasource": _SOURCE,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}},
        "targets": [
            {
                "refId": chr(ord("A") + index),
                "datasource": _SOURCE,
                "expr": query,
                "legendFormat": legend,
            }
            for index, (query, legend) in enumerate(panel.queries)
        ],
    }
