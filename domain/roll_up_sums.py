"""Roll-ups merged: what deltas change in the sums of every level, and the documents after that."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple, TypeAlias
from zlib import crc32

from domain.roll_up_documents import (
    Document,
    add_counts,
    add_words,
    counts_content,
    customers_content,
    words_content,
)
from domain.roll_ups import LabelSums, NameSums

Sums: TypeAlias = LabelSums | NameSums

ALL: Final = "all"
FINEST: Final = "shift"
# From the finest on: the members of a shift's begin that are at their least where a bucket begins.
LEVELS: Final[dict[str, dict[str, int]]] = {
    FINEST: {},
    "day": {"hour": 0},
    "month": {"hour": 0, "day": 1},
}
# Documents end at 16 MiB: what has no bound in time is spread by word and by customer.
_SLOTS: Final = {ALL: 4, "month": 4}
_STAMP: Final = "%Y%m%dT%H"


class Bucket(NamedTuple):
    """What one merged document is about."""

    tenant_id: str
    kind: str
    at: datetime | None
    slot: int

    @property
    def id(self) -> str:
        """Begins with the tenant, as every `_id` of a read model does."""
        stamp = self.at.strftime(_STAMP) if self.at else ""
        return f"{self.tenant_id}:{self.kind}:{stamp}:{self.slot}"


class Changes:
    """What deltas change, bucket by bucket of every level."""

    def __init__(self) -> None:
        self._labels: defaultdict[tuple[str, datetime], LabelSums] = defaultdict(LabelSums)
        self._names: defaultdict[tuple[str, datetime], NameSums] = defaultdict(NameSums)

    def add(self, delta: Mapping[str, Any]) -> None:
        """One more delta."""
        tenant_id = delta["tenant_id"]
        for cell in delta["labels"]:
            add_counts(self._labels[tenant_id, cell["at"]], cell)
        for cell in delta["names"]:
            add_words(self._names[tenant_id, cell["at"]], cell)

    def buckets(self) -> Iterator[tuple[Bucket, Sums]]:
        """Each bucket, and by how much it changes."""
        for level, by_bucket in _levels(self._labels, LabelSums):
            for (tenant_id, at), counted in by_bucket.items():
                yield Bucket(tenant_id, f"{level}.counts", at, 0), counted
        for level, by_bucket in _levels(self._names, NameSums):
            for (tenant_id, at), some in by_bucket.items():
                for name, slot, part in _parts(some, _SLOTS.get(level, 1)):
                    yield Bucket(tenant_id, f"{level}.{name}", at, slot), part


def merged_document(bucket: Bucket, changes: Sums, before: Document | None) -> Document | None:
    """The document of a bucket after changes to it; None if there is nothing left in it."""
    cells = "labels" if isinstance(changes, LabelSums) else "names"
    if before is not None:
        _take_in(changes, before[cells][0])
    content = _CONTENTS[bucket.kind.partition(".")[2]](changes)
    if not any(content.values()):
        return None
    return {
        "_id": bucket.id,
        "tenant_id": bucket.tenant_id,
        "kind": bucket.kind,
        "at": bucket.at,
        cells: [{"at": bucket.at, **content}],
    }


def _take_in(changes: Sums, cell: Mapping[str, Any]) -> None:
    """Add a cell that may be much larger than the changes."""
    if isinstance(changes, LabelSums):
        add_counts(changes, cell)
        return
    few = changes.words.copy()
    changes.words.clear()
    for group in cell.get("words", ()):  # no word stands in two groups
        dict.update(changes.words, dict.fromkeys(group["w"].split(" "), group["n"]))
    changes.words.update(few)
    for customer in cell.get("customers", ()):
        counts = customer["high"], customer["negative"], customer["total"]
        changes.add_customer(customer["k"], *counts)


def _levels(
    shifts: Mapping[tuple[str, datetime], Any], kind: Callable[[], Any]
) -> Iterator[tuple[str, Mapping[tuple[str, Any], Any]]]:
    """The sums of each level, the coarsest first, as whoever gets them may change them."""
    found: list[tuple[str, Mapping[tuple[str, Any], Any]]] = [(FINEST, shifts)]
    for level in (*list(LEVELS)[1:], ALL):
        above: defaultdict[tuple[str, datetime | None], Any] = defaultdict(kind)
        for (tenant_id, at), some in found[0][1].items():
            above[tenant_id, _bucket_at(level, at)].plus(some)
        found.insert(0, (level, above))
    yield from found


def _bucket_at(level: str, moment: datetime) -> datetime | None:
    """The begin of the bucket of `level` that a finer bucket is in; that of all has none."""
    return None if level == ALL else moment.replace(**LEVELS[level])  # type: ignore[arg-type]


def _parts(sums: NameSums, slots: int) -> Iterator[tuple[str, int, NameSums]]:
    words, customers = [NameSums() for _ in range(slots)], [NameSums() for _ in range(slots)]
    if slots == 1:
        words[0].words, customers[0].customers = sums.words, sums.customers
    else:
        for word, count in sums.words.items():
            words[crc32(word.encode()) % slots].words[word] = count
        for customer_id, counts in sums.customers.items():
            customers[crc32(customer_id.encode()) % slots].customers[customer_id] = counts
    yield from (("words", slot, part) for slot, part in enumerate(words) if part.words)
    yield from (("customers", slot, part) for slot, part in enumerate(customers) if part.customers)


_CONTENTS: Final[dict[str, Callable[[Any], Document]]] = {
    "counts": counts_content,
    "words": words_content,
    "customers": customers_content,
}
