"""Examples of answers for the OpenAPI document, by the name of their model or their media type."""

from collections.abc import Mapping
from typing import Any, Final

_CREATED: Final = "2026-01-31T12:00:00.000Z"
_ENDED: Final = "2026-01-31T12:01:10.000Z"
_JOB: Final = "0b0e8bb2-3f0e-4c36-9d1e-6d7f6f6f0f4a"
_COUNTERS: Final[Mapping[str, int]] = {
    "fetched": 2531,
    "new_ingested": 12,
    "updated": 40,
    "unchanged": 2478,
    "stale": 0,
    "deleted": 3,
    "restored": 1,
    "rejected": 0,
    "foreign": 0,
    "duplicates": 0,
}
_PROGRESS: Final[Mapping[str, Any]] = {
    "job_id": _JOB,
    "tenant_id": "acme",
    "parent_id": None,
    "phase": "completed",
    "status": "SUCCESS",
    "requested_at": _CREATED,
    "started_at": _CREATED,
    "ended_at": _ENDED,
    "pages_done": 26,
    "pages_total": 26,
    "tickets_fetched": 2531,
    "tickets_applied": 2531,
    "percent": 100.0,
    "eta_seconds": None,
    "counters": _COUNTERS,
    "jobs": {},
    "skipped": [],
    "errors": [],
}
_HISTORY: Final[Mapping[str, Any]] = {
    "tenant_id": "acme",
    "ticket_id": "T-1001",
    "version": 2,
    "action": "updated",
    "changes": [{"field": "status", "old": "open", "new": "pending"}],
    "occurred_at": _CREATED,
    "observed_at": _CREATED,
    "job_id": _JOB,
    "cause": "crawl",
    "detected_by": "comparison",
}
_AUDIT: Final[Mapping[str, Any]] = {
    **_COUNTERS,
    "job_id": _JOB,
    "tenant_id": "acme",
    "parent_id": None,
    "status": "SUCCESS",
    "started_at": _CREATED,
    "ended_at": _ENDED,
    "pages": 26,
    "errors": [],
}
_RANGE: Final[Mapping[str, Any]] = {"from": "2026-01-01T00:00:00.000Z", "to": None, "tz": "UTC"}
# What is shown in another: the example of that model goes there.
PARTS: Final[Mapping[str, tuple[str, str]]] = {
    "TicketPage": ("tickets", "TicketView"),
    "AlertPage": ("alerts", "AlertView"),
}
ANSWERS: Final[Mapping[str, Any]] = {
    "WhoAmI": {
        "access": "key",
        "key_id": "key_3f9a5c0b7d21",
        "name": "dashboard",
        "tenant_id": "acme",
        "scopes": ["tickets:read", "stats:read"],
    },
    "Tenants": {"tenants": ["acme"]},
    "RunResult": {**_PROGRESS, **_COUNTERS},
    "Progress": {
        **_PROGRESS,
        "phase": "fetching",
        "status": None,
        "ended_at": None,
        "pages_done": 13,
        "tickets_fetched": 1300,
        "tickets_applied": 1100,
        "percent": 41.2,
        "eta_seconds": 34.0,
        "counters": {**_COUNTERS, "fetched": 1300, "unchanged": 1060, "deleted": 0},
    },
    "RunStatus": {
        "tenant_id": "acme",
        "running": True,
        "job_id": _JOB,
        "phase": "fetching",
        "since": _CREATED,
        "last_run": None,
    },
    "LockView": {
        "tenant_id": "acme",
        "locked": True,
        "job_id": _JOB,
        "acquired_at": _CREATED,
        "expires_at": "2026-01-31T12:01:00.000Z",
    },
    "AuditPage": {"logs": [_AUDIT], "limit": 50, "next_cursor": None},
    "TicketPage": {"tickets": [], "limit": 50, "next_cursor": None},
    "AlertPage": {"alerts": [], "limit": 50, "next_cursor": None},
    "HistoryPage": {
        "tenant_id": "acme",
        "ticket_id": "T-1001",
        "history": [_HISTORY],
        "limit": 50,
        "next_cursor": None,
    },
    "Statistics": {
        "tenant_id": "acme",
        "total_tickets": 2543,
        "by_status": {"open": 640, "pending": 310, "resolved": 893, "closed": 700},
        "by_urgency": {"high": 212, "medium": 904, "low": 1427},
        "by_sentiment": {"negative": 871, "neutral": 1390, "positive": 282},
        "urgency_high_ratio": 0.0834,
        "negative_sentiment_ratio": 0.3425,
        "requires_action_count": 431,
        "hourly_trend": [
            {"hour": f"2026-01-31T{hour:02}:00:00Z", "count": hour % 5, "high": hour % 2}
            for hour in range(24)
        ],
        "top_keywords": [{"keyword": "invoice", "count": 188}],
        "at_risk_customers": [
            {"customer_id": "C-17", "open_high": 2, "open_negative": 3, "open_total": 4}
        ],
        "range": _RANGE,
        "generated_at": _ENDED,
        "data_as_of": _CREATED,
    },
    "Trend": {
        "tenant_id": "acme",
        "interval": "day",
        "points": [{"begin": "2026-01-31T00:00:00Z", "count": 84, "high": 7}],
        "count": 84,
        "high": 7,
        "previous": {
            "from": "2026-01-30T00:00:00.000Z",
            "to": "2026-01-31T00:00:00.000Z",
            "count": 80,
            "high": 4,
        },
        "change": 0.05,
        "range": _RANGE,
        "generated_at": _ENDED,
        "data_as_of": _CREATED,
    },
    "Health": {
        "status": "up",
        "dependencies": {
            "mongodb": {"state": "up", "latency_ms": 1.3},
            "kafka": {"state": "up", "latency_ms": 9.8},
            "helpdesk": {"state": "up", "latency_ms": 4.1},
        },
    },
    "Liveness": {"status": "alive"},
    "Readiness": {"status": "ready"},
}
BODIES: Final[Mapping[str, str]] = {
    "text/csv": "tenant_id,external_id,status\r\nacme,T-1001,open\r\n",
    "application/x-ndjson": '{"tenant_id":"acme","external_id":"T-1001","status":"open"}\n',
    "text/plain": 'deskstream_dependency_up{dependency="kafka"} 1.0\n',
}
