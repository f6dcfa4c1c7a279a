"""Roll-ups merged: what deltas change in the sums of every level, and the documents after that."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
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
# From the finest on: the members of an instant that are at their least where a bucket begins.
LEVELS: Final[dict[str, dict[str, int]]] = {
    "hour": {},
    "day": {"hour": 0},
    "month": {"hour": 0, "day": 1},
}
_FINEST: Final = "hour"
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


def changes_of(deltas: Iterable[Mapping[str, Any]]) -> dict[Bucket, Sums]:
    """What deltas change, bucket by bucket of every level."""
    labels: defaultdict[tuple[str, datetime], LabelSums] = defaultdict(LabelSums)
    names: defaultdict[tuple[str, datetime], NameSums] = defaultdict(NameSums)
    for delta in deltas:
        for cell in delta["labels"]:
            add_counts(labels[delta["tenant_id"], cell["at"]], cell)
        for cell in delta["names"]:
            add_words(names[delta["tenant_id"], cell["at"]], cell)
    found: dict[Bucket, Sums] = {}
    for level, by_bucket in _levels(labels, LabelSums):
        for (tenant_id, at), counted in by_bucket.items():
            found[Bucket(tenant_id, f"{level}.counts", at, 0)] = counted
    for level, by_bucket in _levels(names, NameSums):
        for (tenant_id, at), some in by_bucket.items():
            for name, slot, part in _parts(some, _SLOTS.get(level, 1)):
                found[Bucket(tenant_id, f"{level}.{name}", at, slot)] = part
    return found


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
    hours: Mapping[tuple[str, datetime], Any], kind: Callable[[], Any]
) -> Iterator[tuple[str, Mapping[tuple[str, Any], Any]]]:
    """The sums of each level, the finest first, each made of those of the level below."""
    sums: Mapping[tuple[str, Any], Any] = hours
    for level in (*LEVELS, ALL):
        if level != _FINEST:
            above: defaultdict[tuple[str, datetime | None], Any] = defaultdict(kind)
            for (tenant_id, at), some in sums.items():
                above[tenant_id, bucket_at(level, at)].plus(some)
            sums = above
        yield level, sums


def bucket_at(level: str, moment: datetime) -> datetime | None:
    """The begin of the bucket of `level` that an hour, or finer bucket, is in; of all: none."""
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
