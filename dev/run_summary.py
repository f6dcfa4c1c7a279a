"""What `make run` shows in the end: counts beside the helpdesk's own, statistics, the log, URLs."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import httpx
from rich.console import Console, Group
from rich.text import Text

from cli.api_client import ApiClient
from cli.output import table
from cli.runs import COUNTERS, Run, counter_rows
from dev.log_growth import Growth
from infra.alert_backlog import Backlog

_MOST_KEYWORDS: Final = 6


class Summary(NamedTuple):
    """Everything there is to say; `own_counts` is None if the helpdesk does not tell."""

    run: Run
    stats: dict[str, dict[str, Any]]
    own_counts: dict[str, int] | None
    growth: Growth
    alerts: Backlog
    access: str
    seconds: float
    urls: dict[str, str]

    @property
    def is_equal(self) -> bool:
        """True unless the helpdesk counts the tickets of some tenant otherwise."""
        if self.own_counts is None:
            return True
        return self.own_counts == {t: s["total_tickets"] for t, s in self.stats.items()}


def read_statistics(api: ApiClient, run: Run) -> dict[str, dict[str, Any]]:
    """The statistics of every tenant of a run."""
    return {tenant_id: api.get(f"/tenants/{tenant_id}/stats") for tenant_id in run.tenants}


def own_counts(helpdesk_url: str) -> dict[str, int] | None:
    """How many tickets of each tenant the helpdesk says it has; only the sample one says so."""
    try:
        answer = httpx.get(f"{helpdesk_url}/_control/counts", timeout=10.0, trust_env=False)
        counts: dict[str, int] = answer.raise_for_status().json()
    except (httpx.HTTPError, ValueError):
        return None
    return counts


def access_of(caller: Mapping[str, Any]) -> str:
    """A sentence on who may call the API, from what it says of this caller."""
    if caller["access"] == "open":
        return "access: open to this machine, as no key exists; `deskstream keys create` ends that"
    return f"access: by key: {caller['key_id']} was used here"


def print_summary(console: Console, summary: Summary) -> None:
    """Print all of it."""
    run = summary.run
    console.print(
        table("Tickets", _TICKET_COLUMNS, _ticket_rows(summary)),
        table("Ingestion", ("tenant", "status", *COUNTERS), counter_rows(run)),
        _statistics(summary.stats),
        sep="",
    )
    for error in run.job["errors"]:
        console.print(f"error: {error}", style="red", markup=False)
    growth = summary.growth
    for line in (
        f"tickets.changes: {growth.records:,} records appended = {growth.events:,} change events"
        f" appended + {growth.records - growth.events:,} run markers",
        f"alerts: {summary.alerts.pending:,} wait to be delivered",
        summary.access,
        f"from start to summary: {summary.seconds:.1f} s",
        "",
        *(f"{name:<9} {url}" for name, url in summary.urls.items()),
    ):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


_TICKET_COLUMNS: Final = (
    *("tenant", "total_tickets", "helpdesk says", "", "high", "negative", "requires action"),
    *("data as of",),
)


def _ticket_rows(summary: Summary) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    for tenant_id, stats in summary.stats.items():
        total = stats["total_tickets"]
        said = None if summary.own_counts is None else summary.own_counts.get(tenant_id, 0)
        verdict = "" if said is None else "equal" if said == total else "DIFFERENT"
        rows.append(
            (
                *(tenant_id, total, said, verdict),
                f"{stats['urgency_high_ratio']:.1%}",
                f"{stats['negative_sentiment_ratio']:.1%}",
                *(stats["requires_action_count"], stats["data_as_of"]),
            )
        )
    return rows


def _statistics(stats: Mapping[str, dict[str, Any]]) -> Group:
    columns = ("tenant", "by_status", "by_urgency", "by_sentiment", "top keywords")
    rows = [
        (
            tenant_id,
            *(_counts(found[name]) for name in ("by_status", "by_urgency", "by_sentiment")),
            _counts({k["keyword"]: k["count"] for k in found["top_keywords"][:_MOST_KEYWORDS]}),
        )
        for tenant_id, found in stats.items()
    ]
    return Group(table("Statistics", columns, rows), Text())


def _counts(counts: Mapping[str, int]) -> str:
    return "\n".join(f"{name} {count:,}" for name, count in counts.items())
