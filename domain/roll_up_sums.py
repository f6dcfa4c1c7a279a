"""Roll-ups merged: what deltas change in the sums of every level, and the documents after that."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple
from zlib import crc32

from domain.roll_up_documents import (
    Document,
    add_counts,
    add_customers,
    add_words,
    labels_content,
    names_content,
)
from domain.roll_ups import Sums, shift_of

ALL: Final = "all"
FINEST: Final = "shift"
# From the finest on: the members of a shift's begin that are at their least where a bucket begins.
LEVELS: Final[dict[str, dict[str, int]]] = {
    FINEST: {},
    "day": {"hour": 0},
    "month": {"hour": 0, "day": 1},
}
_COARSER: Final = (*list(LEVELS)[1:], ALL)
# Documents end at 16 MiB: what has no bound in time is spread by word and by customer.
_SLOTS: Final = {ALL: 4, "month": 4}
_STAMP: Final = "%Y%m%dT%H"


class Bucket(NamedTuple):
    """What one merged document is about."""

    tenant_id: str
    level: str
    at: datetime | None
    slot: int

    @property
    def id(self) -> str:
        """Begins with the tenant, as every `_id` of a read model does."""
        stamp = self.at.strftime(_STAMP) if self.at else ""
        return f"{self.tenant_id}:{self.level}:{stamp}:{self.slot}"


class Changes:
    """What deltas of a tenant change, bucket by bucket of every level."""

    def __init__(self, tenant_id: str) -> None:
        self._tenant_id = tenant_id
        self._shifts: defaultdict[datetime, Sums] = defaultdict(Sums.empty)

    def add(self, delta: Mapping[str, Any]) -> None:
        """One more delta."""
        for cell in delta["labels"]:
            add_counts(self._shifts[cell["at"]].labels, cell)
        for cell in delta["names"]:
            names = self._shifts[cell["at"]].names
            add_words(names, cell)
            add_customers(names, cell)

    def buckets(self) -> Iterator[tuple[Bucket, Sums]]:
        """Each bucket, and by how much it changes; whoever gets the sums may change them.

        It empties what was added: sums of two levels are in memory at once, and those that were
        given away are not.
        """
        finer: dict[Any, Sums] = self._shifts
        for level, coarser in zip((FINEST, *_COARSER), (*_COARSER, None), strict=True):
            above = {} if coarser is None else _summed(coarser, finer)
            while finer:
                at, sums = finer.popitem()
                for slot, part in enumerate(_parts(sums, _SLOTS.get(level, 1))):
                    yield Bucket(self._tenant_id, level, at, slot), part
            finer = above


def begin_of(level: str, moment: datetime) -> datetime:
    """The begin of the bucket of `level` that `moment` is in."""
    return shift_of(moment).replace(**LEVELS[level])  # type: ignore[arg-type]


def merged_document(bucket: Bucket, changes: Sums, before: Document | None) -> Document | None:
    """The document of a bucket after changes to it; None if there is nothing left in it."""
    if before is not None:
        _take_in(changes, before)
    labels, names = labels_content(changes.labels), names_content(changes.names)
    if not any(labels.values()) and not any(names.values()):
        return None
    return {
        "_id": bucket.id,
        "tenant_id": bucket.tenant_id,
        "kind": bucket.level,
        "at": bucket.at,
        "labels": [{"at": bucket.at, **labels}],
        "names": [{"at": bucket.at, **names}],
    }


def _take_in(changes: Sums, before: Mapping[str, Any]) -> None:
    """Add what a document holds, which may be much more than the changes."""
    [labels], [names] = before["labels"], before["names"]
    add_counts(changes.labels, labels)
    words = changes.names.words
    few = words.copy()
    words.clear()
    for group in names["words"]:  # no word stands in two groups
        dict.update(words, dict.fromkeys(group["w"].split(" "), group["n"]))
    words.update(few)
    add_customers(changes.names, names)


def _summed(level: str, finer: Mapping[datetime, Sums]) -> dict[datetime | None, Sums]:
    """The sums of a level, made of those of a finer one; the bucket of all has no begin."""
    above: defaultdict[datetime | None, Sums] = defaultdict(Sums.empty)
    for at, sums in finer.items():
        above[None if level == ALL else begin_of(level, at)].plus(sums)
    return above


def _parts(sums: Sums, slots: int) -> list[Sums]:
    """Names by slot; the first has the labels."""
    if slots == 1:
        return [sums]
    parts = [Sums.empty() for _ in range(slots)]
    parts[0] = parts[0]._replace(labels=sums.labels)
    for word, count in sums.names.words.items():
        parts[crc32(word.encode()) % slots].names.words[word] = count
    for customer_id, counts in sums.names.customers.items():
        parts[crc32(customer_id.encode()) % slots].names.customers[customer_id] = counts
    return parts
