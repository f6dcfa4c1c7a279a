"""The rows of section 14 of the contract, in its order, and what else can be measured."""

from collections.abc import Iterable, Sequence
from typing import Final

from benchmarks.alerting import alert_flood, alert_rate
from benchmarks.bench import Row
from benchmarks.crawling import crawl
from benchmarks.fuzzing import fuzz
from benchmarks.limited_crawl import limited_crawl
from benchmarks.long_crawl import long_crawl
from benchmarks.one_tenant import one_tenant
from benchmarks.rebuilding import rebuild
from benchmarks.recovery import recovery
from benchmarks.responsiveness import latency
from benchmarks.soaking import soak
from benchmarks.throughput import changes_to_readable, raw_to_readable

ROWS: Final = (
    Row(("crawl",), 2, crawl),
    Row(("limited-crawl",), 2, limited_crawl),
    Row(("raw",), 2, raw_to_readable),
    Row(("changes",), 2, changes_to_readable),
    Row(("latency",), 3, latency),
    Row(("rebuild",), 6, rebuild),
    Row(("stats", "lists", "crowd", "memory"), 11, one_tenant),
    Row(("long-crawl",), 16, long_crawl),
    Row(("recovery",), 6, recovery),
    Row(("alerts",), 36, alert_rate, in_contract=False),
    Row(("fuzz",), 6, fuzz, in_contract=False),
    Row(("soak",), 26, soak, in_contract=False),
    Row(("flood",), 3, alert_flood, in_contract=False),
)


class UnknownRowError(ValueError):
    """Nothing of this name is measured."""

    def __init__(self, name: str) -> None:
        super().__init__(f"no row is called {name!r}: choose from {', '.join(names())}")
        self.name = name


def names(rows: Iterable[Row] = ROWS) -> list[str]:
    """What can be chosen."""
    return [name for row in rows for name in row.names]


def chosen(only: Sequence[str]) -> frozenset[str]:
    """The names to measure: those given, or without any all that the contract has.

    Raises:
        UnknownRowError: one of them is no row.
    """
    for name in only:
        if name not in names():
            raise UnknownRowError(name)
    return frozenset(only or names(row for row in ROWS if row.in_contract))


def rows_of(wanted: frozenset[str]) -> list[Row]:
    """The rows that measure these names, in order."""
    return [row for row in ROWS if wanted.intersection(row.names)]
