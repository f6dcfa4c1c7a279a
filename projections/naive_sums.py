"""Tickets counted naively, and roll-ups read naively: no code of the projectors, but for words."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from domain.keywords import words_of

LEVELS: Final = ("shift", "day", "month")
_LONGEST_MONTH: Final = timedelta(days=31)


class Sum(NamedTuple):
    """One number: the kind of its document, its bucket, and what it counts."""

    kind: str
    at: datetime | None
    counted: tuple[Any, ...]


Sums = Counter[Sum]


def month_of(moment: datetime) -> datetime:
    """The begin of a month."""
    return moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def next_month(month: datetime) -> datetime:
    """The begin of the month after."""
    return month_of(month + _LONGEST_MONTH)


def _buckets(at: datetime) -> dict[str, datetime | None]:
    hour = at.replace(minute=0, second=0, microsecond=0)
    return {
        "shift": hour.replace(hour=hour.hour - hour.hour % 6),
        "day": hour.replace(hour=0),
        "month": month_of(at),
    }


def count(sums: Sums, ticket: Mapping[str, Any]) -> None:
    """Count a live ticket, at every level."""
    buckets, created = _buckets(ticket["created_at"]), ticket["created_at"]
    labels = ["total", ticket["urgency"], ticket["sentiment"]]
    labels += ["action"] if ticket["requires_action"] else []
    is_high = int(ticket["urgency"] == "high")
    for level, at in buckets.items():
        for label in labels:
            sums[Sum(f"{level}.counts", at, ("counts", label))] += 1
        sums[Sum(f"{level}.counts", at, ("statuses", ticket["status"]))] += 1
    quarter = created.replace(minute=created.minute - created.minute % 15, second=0, microsecond=0)
    sums[Sum("shift.counts", buckets["shift"], ("quarters", quarter, "n"))] += 1
    sums[Sum("shift.counts", buckets["shift"], ("quarters", quarter, "high"))] += is_high
    is_open = ticket["status"] not in ("resolved", "closed") and ticket["customer_id"] is not None
    is_negative = int(ticket["sentiment"] == "negative")
    words = words_of(ticket["subject"], ticket["message"])
    for level in LEVELS:
        for word in words:
            sums[Sum(f"{level}.words", buckets[level], ("words", word))] += 1
        if is_open:
            counts = {"high": is_high, "negative": is_negative, "total": 1}
            for name, count in counts.items():
                counted = ("customers", ticket["customer_id"], name)
                sums[Sum(f"{level}.customers", buckets[level], counted)] += count


def add_delta(sums: Sums, delta: Mapping[str, Any], month: datetime) -> None:
    """What a delta says of a month, at every level."""
    for cell in [*delta["labels"], *delta["names"]]:
        if month_of(cell["at"]) == month:
            for level in LEVELS:
                _add_cell(sums, cell, level, _buckets(cell["at"])[level])


def add_cells(sums: Sums, document: Mapping[str, Any], level: str) -> None:
    """Add what a merged document says, to the sums of a level."""
    for cell in [*document.get("labels", ()), *document.get("names", ())]:
        _add_cell(sums, cell, level, None if level == "all" else document["at"])


def _add_cell(sums: Sums, cell: Mapping[str, Any], level: str, at: datetime | None) -> None:
    for label, count in cell.get("counts", {}).items():
        sums[Sum(f"{level}.counts", at, ("counts", label))] += count
    for status in cell.get("statuses", ()):
        sums[Sum(f"{level}.counts", at, ("statuses", status["k"]))] += status["n"]
    for quarter in cell.get("quarters", ()) if level == "shift" else ():
        for name in ("n", "high"):
            sums[Sum("shift.counts", at, ("quarters", quarter["at"], name))] += quarter[name]
    for group in cell.get("words", ()):
        for word in group["w"].split(" "):
            sums[Sum(f"{level}.words", at, ("words", word))] += group["n"]
    for customer in cell.get("customers", ()):
        for name in ("high", "negative", "total"):
            counted = ("customers", customer["k"], name)
            sums[Sum(f"{level}.customers", at, counted)] += customer[name]
