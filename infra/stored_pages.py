"""A fetched page, ready to be stored, and what of it the job document keeps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from domain.sweeps import Position
from infra.mongo import Document
from infra.run_outbox import RawRow


@dataclass
class PageCounts:
    """What one page adds to one job; `sent` counts records per partition."""

    fetched: int = 0
    foreign: int = 0
    rejected: int = 0
    sent: dict[int, int] = field(default_factory=dict)

    def update(self) -> dict[str, int]:
        """The `$inc` of the job document."""
        counted = {"fetched": self.fetched, "foreign": self.foreign, "rejected": self.rejected}
        return counted | {f"sent.{partition}": number for partition, number in self.sent.items()}


@dataclass(frozen=True)
class StoredPage:
    """One fetched page, ready to be stored: its records, and what each job counts of it.

    `position` is where the crawl goes on, `marks` are the rows that were shown for the first time.
    """

    sequence: int
    page: int
    rows: list[RawRow]
    counts: Mapping[str, PageCounts]
    position: Position
    pages_total: int
    marks: Sequence[int] = ()


def position_of(job: Document) -> Position:
    """Where the crawl of a job document reads on."""
    return Position(
        job["next_page"],
        job["sweep"],
        job["total_count"],
        job["steps_back"],
        job["found"],
    )


def position_fields(position: Position) -> Document:
    """The fields of a job document that `position_of` reads."""
    return {
        "next_page": position.next_page,
        "sweep": position.sweep,
        "total_count": position.total,
        "steps_back": position.steps_back,
        "found": position.found,
    }


def fetch_percent(stored: StoredPage) -> int:
    """How much of the fetching is done with this page; 100 only at its end."""
    following = stored.position
    if following.next_page is None:
        return 100
    if following.sweep > 1:
        return 99
    return min(99, 100 * (following.next_page - 1) // max(stored.pages_total, 1))
