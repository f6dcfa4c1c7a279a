"""What a verification works with: where it reads, what it verifies, where it reports."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from infra.log_reader import LogReader
from infra.log_scan import LogScan
from infra.mongo import Mongo
from projections.differences import Report
from projections.subjects import Model, Subject


class Sources(NamedTuple):
    """Where everything is read from."""

    mongo: Mongo
    reader: LogReader
    scan: LogScan


@dataclass
class Progress:
    """What was done so far: records read, of how many, and documents compared."""

    read: int = 0
    to_read: int = 0
    compared: int = 0


Watch = Callable[[Progress], None]


@dataclass(frozen=True)
class Task:
    """The verification of one read model, of all tenants or of one.

    `only` names the partitions that are verified; None: all.
    """

    sources: Sources
    subject: Subject
    model: Model
    tenant: str | None
    report: Report
    progress: Progress
    watch: Watch
    only: frozenset[int] | None = None

    def has_read(self, count: int) -> None:
        """Tell of records that were read."""
        self.progress.read += count
        self.watch(self.progress)

    def has_compared(self, count: int) -> None:
        """Tell of documents that were compared."""
        self.progress.compared += count
        self.report.documents += count
        self.watch(self.progress)
