"""Routing a page: each row to its own tenant's run, to dead letters, or to nobody here.  Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple

from domain.envelopes import observed
from domain.errors import RejectedRecordError
from domain.identity import is_tenant_id, partition_of
from domain.instants import cut, to_milliseconds
from domain.letter_subjects import CRAWL
from domain.observations import MAX_RECORD_BYTES, read_ticket
from infra.dead_letters import DeadLetter
from infra.run_outbox import RawRow
from infra.stored_pages import PageCounts

# What a refused row's dead letter holds besides, so that it can become a record later.
ROW_SOURCE: Final = "source"
ROW_JOB: Final = "job_id"


class CrawlPlace(NamedTuple):
    """Where in which crawl a page stands: behind how many rows."""

    crawl_id: str
    sequence: int
    source: str
    partitions: int


@dataclass
class RoutedPage:
    """What a page becomes: records to store, counters per job, refusals."""

    rows: list[RawRow] = field(default_factory=list)
    counts: dict[str, PageCounts] = field(default_factory=dict)
    refused: list[DeadLetter] = field(default_factory=list)


def tenants_of(rows: list[Any]) -> set[str]:
    """The tenants that the rows of a page name."""
    named = {row.get("tenant_id") for row in rows if isinstance(row, dict) and _named(row)}
    return {str(tenant) for tenant in named}


def route(
    rows: list[Any], place: CrawlPlace, jobs: Mapping[str, str], fetched_at: datetime
) -> RoutedPage:
    """Sort the rows of one page; `jobs` maps the tenants of this crawl to their runs."""
    routed = RoutedPage(counts={place.crawl_id: PageCounts()})
    for number, row in enumerate(rows):
        crawl = routed.counts[place.crawl_id]
        crawl.fetched += 1
        named = isinstance(row, dict) and _named(row)
        job_id = jobs.get(row["tenant_id"]) if named else place.crawl_id
        if job_id is None:
            crawl.foreign += 1
            continue
        counts = routed.counts.setdefault(job_id, PageCounts())
        if job_id != place.crawl_id:
            counts.fetched += 1
        try:
            sent = record_of(row, place, job_id, number, fetched_at)
        except RejectedRecordError as error:
            counts.rejected += 1
            position = f"{CRAWL}/{place.crawl_id}/{place.sequence + number + 1}"
            headers = ((ROW_SOURCE, place.source.encode()), (ROW_JOB, job_id.encode()))
            arrived = to_milliseconds(cut(fetched_at))
            routed.refused.append(
                DeadLetter(position, error.reason, None, _payload(row), headers, arrived)
            )
        else:
            routed.rows.append(sent)
            counts.sent[sent.partition] = counts.sent.get(sent.partition, 0) + 1
    return routed


def record_of(
    row: Mapping[str, Any], place: CrawlPlace, job_id: str, number: int, fetched_at: datetime
) -> RawRow:
    """The record for `tickets.raw` of row `number` of a page.

    Raises:
        RejectedRecordError: the row breaks the contract.
    """
    key = read_ticket(row).key.encode()
    value = observed(
        row,
        source=place.source,
        job_id=job_id,
        sequence=place.sequence + number + 1,
        time=fetched_at,
    )
    if len(value) + len(key) > MAX_RECORD_BYTES:
        raise RejectedRecordError(f"record: {len(value)} bytes, at most {MAX_RECORD_BYTES}")
    return RawRow(partition_of(key, place.partitions), key, value)


def _payload(row: object) -> bytes:
    try:
        return json.dumps(row).encode()
    except RecursionError:
        return b'"nested too deeply to be written down"'


def _named(row: Mapping[str, Any]) -> bool:
    return is_tenant_id(row.get("tenant_id"))
