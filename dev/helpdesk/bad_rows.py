"""Rows that no contract allows, as a broken helpdesk would put them into a page."""

import json
from typing import Any

from dev.helpdesk.faults import BadRow

_OVERSIZE = 300 * 1024  # characters; a record may have 256 KiB


def bad_row(kind: BadRow, tenant_id: str) -> bytes:
    """Return the JSON of a row that is wrong in the way `kind` names, and in no other."""
    if kind == "not_an_object":
        return b'"a ticket, in words"'
    row = {name: value for name, value in _row(kind, tenant_id).items() if value is not ...}
    return json.dumps(row, separators=(",", ":")).encode("ascii")


def _row(kind: BadRow, tenant_id: str) -> dict[str, Any]:
    sound = {
        "id": f"bad-{kind}",
        "tenant_id": tenant_id,
        "source": "email",
        "customer_id": "C-1",
        "subject": "A row with a fault",
        "message": "Hello, one thing in this row is wrong.",
        "status": "open",
        "created_at": "2026-01-05T10:00:00Z",
        "updated_at": "2026-01-05T10:00:00Z",
    }
    return {**sound, **_WRONG[kind]}


# Ellipsis: the field is missing.
_WRONG: dict[BadRow, dict[str, Any]] = {
    "no_id": {"id": ...},
    "null_id": {"id": None},
    "no_tenant": {"tenant_id": ...},
    "bad_tenant": {"tenant_id": "no such/tenant"},
    "wrong_types": {"subject": 17, "message": {"text": "an object"}, "status": ["open"]},
    "no_created_at": {"created_at": ...},
    "bad_created_at": {"created_at": "the day before yesterday"},
    "oversize_message": {"message": "x" * _OVERSIZE},
    "lone_surrogate": {"subject": "half a pair: \ud83d"},
    "big_integer": {"customer_id": 2**70},
    "nul": {"message": "a NUL \x00 in the middle"},
    "control_id": {"id": "bad-\x07-control"},
    "long_id": {"id": "bad-" + "9" * 300},
}
