"""What this process did, in Prometheus' words: counted per batch, per call and per request.

Names and units by Prometheus' and OpenMetrics' conventions; labels have few values each, none of
them a tenant, an id or a path.
"""

from functools import cache
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)

_METRICS: Final = CollectorRegistry()
_FAST: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_SLOW: Final = (0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 30.0, 60.0, 120.0)

RECORDS: Final = Counter(
    "deskstream_records",
    "Records that a consumer of this process put behind its checkpoints",
    ["consumer"],
    registry=_METRICS,
)
BATCHES: Final = Histogram(
    "deskstream_batch_duration_seconds",
    "How long a batch took, from its first record to its moved checkpoints",
    ["consumer"],
    buckets=_FAST,
    registry=_METRICS,
)
BATCH_FAILURES: Final = Counter(
    "deskstream_batch_failures",
    "Batches that were not completed and are tried again: fence, kafka, mongodb or records",
    ["consumer", "reason"],
    registry=_METRICS,
)
TRANSACTION_RETRIES: Final = Counter(
    "deskstream_transaction_retries",
    "Short transactions that met another one and ran again",
    registry=_METRICS,
)
DEAD_LETTERS: Final = Counter(
    "deskstream_dead_letters",
    "Dead letters written, repeats included, by where the record stood: a topic, or crawl",
    ["origin"],
    registry=_METRICS,
)
CLASSIFICATION_SECONDS: Final = Counter(
    "deskstream_classification_seconds",
    "Time spent on reading and classifying raw records",
    registry=_METRICS,
)
CRAWL_PAGES: Final = Counter(
    "deskstream_crawl_pages", "Pages of the helpdesk that were stored", registry=_METRICS
)
CRAWL_ROWS: Final = Counter(
    "deskstream_crawl_rows", "Rows of those pages that go to tickets.raw", registry=_METRICS
)
HELPDESK_CALLS: Final = Histogram(
    "deskstream_helpdesk_call_duration_seconds",
    "Calls of the helpdesk by outcome: answered, rate_limited, failed (tried again) or refused",
    ["outcome"],
    buckets=_FAST,
    registry=_METRICS,
)
LIMITER_WAIT: Final = Histogram(
    "deskstream_limiter_wait_seconds",
    "How long a call waited for a slot of the shared limit",
    buckets=_SLOW,
    registry=_METRICS,
)
ALERT_CALLS: Final = Histogram(
    "deskstream_alert_call_duration_seconds",
    "Calls of the receiver of alerts by outcome: delivered, failed (tried again) or refused",
    ["outcome"],
    buckets=_FAST,
    registry=_METRICS,
)
HTTP_REQUESTS: Final = Histogram(
    "deskstream_http_request_duration_seconds",
    "Requests by method, route and status, from their arrival to the end of the answer",
    ["method", "route", "status"],
    buckets=(*_FAST, 60.0, 300.0),
    registry=_METRICS,
)
HTTP_IN_FLIGHT: Final = Gauge(
    "deskstream_http_requests_in_flight",
    "Requests whose answer has not ended",
    registry=_METRICS,
)

ALL: Final = (
    *(RECORDS, BATCHES, BATCH_FAILURES, TRANSACTION_RETRIES, DEAD_LETTERS),
    *(CLASSIFICATION_SECONDS, CRAWL_PAGES, CRAWL_ROWS, HELPDESK_CALLS, LIMITER_WAIT),
    *(ALERT_CALLS, HTTP_REQUESTS, HTTP_IN_FLIGHT),
)


@cache
def process_registry() -> CollectorRegistry:
    """All of this, and the memory, CPU time and file descriptors of the process."""
    disable_created_metrics()  # type: ignore[no-untyped-call]
    ProcessCollector(registry=_METRICS)
    return _METRICS
