"""Examples of parameters for the OpenAPI document, by name; each alone makes a good request."""

from collections.abc import Mapping
from typing import Any, Final

PARAMETER_EXAMPLES: Final[Mapping[str, Any]] = {
    "tenant_id": "acme",
    "ticket_id": "T-1001",
    "external_id": "T-1001",
    "job_id": "0b0e8bb2-3f0e-4c36-9d1e-6d7f6f6f0f4a",
    "alert_id": "3f0e5a0c-6c2b-5f7e-9d0f-8a2b7c1d4e5f",
    "name": "helpdesk",
    "wait": 1,
    "confirm_deletions": True,
    "limit": 100,
    "cursor": "WyI4ZTAzOTc4ZTQwZDU0M2RkYmMiLDE3Njk4NTM2MDAwMDAsIlQtMTAwMSJd",
    "status": "open,pending",
    "urgency": "high,medium",
    "sentiment": "negative",
    "source": "email",
    "customer_id": "C-17",
    "requires_action": True,
    "q": "charged twice",
    "created_from": "2026-01-01T00:00:00Z",
    "created_to": "2026-02-01T00:00:00Z",
    "updated_since": "2026-01-31T12:00:00Z",
    "include_deleted": True,
    "include_total": True,
    "sort": "-created_at",
    "page": 1,
    "page_size": 100,
    "format": "ndjson",
    "from_date": "2026-01-01T00:00:00Z",
    "to_date": "2026-02-01T00:00:00Z",
    "tz": "Europe/Berlin",
    "interval": "day",
    "state": "pending,dead_letter",
    "Idempotency-Key": "8e03978e-40d5-43dd-bc93-6894a57f9324",
    "If-None-Match": '"3q2-7wAAAAAAAAAAAAAAAA"',
    "X-Request-ID": "6a3f3a41-58cd-4d0f-8d9d-2f4b3cf0a2a1",
}
HEADER_EXAMPLES: Final[Mapping[str, str]] = {
    "ETag": '"3q2-7wAAAAAAAAAAAAAAAA"',
    "Idempotency-Replayed": "true",
    "X-Request-ID": "6a3f3a41-58cd-4d0f-8d9d-2f4b3cf0a2a1",
    "Location": "/ingest/progress/0b0e8bb2-3f0e-4c36-9d1e-6d7f6f6f0f4a",
    "Link": '</tickets?tenant_id=acme&cursor=WyI4ZTAz>; rel="next"',
    "Retry-After": "2",
}
