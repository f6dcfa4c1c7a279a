"""Roll-ups merged: what deltas change in the sums of every level, and the documents after that."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple
from zlib import crc32

from domain.roll_up_documents import (
    Document,
    add_counts,
    add_customers,
    add_words,
    counts_content,
    customers_content,
    words_content,
)
from domain.roll_ups import LabelSums, NameSums

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


class Sums(NamedTuple):
    """Both kinds of sums over the same tickets."""

    labels: LabelSums
    names: NameSums


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
            names = self._names[tenant_id, cell["at"]]
            add_words(names, cell)
            add_customers(names, cell)

    def buckets(self) -> Iterator[tuple[Bucket, Sums]]:
        """Each bucket, and by how much it changes; the coarsest first, as these are changed."""
        labels, names = _levels(self._labels, LabelSums), _levels(self._names, NameSums)
        for (level, by_label), (_, by_name) in zip(labels, names, strict=True):
            for place in {**by_label, **by_name}:
                sums = Sums(by_label.get(place) or LabelSums(), by_name.get(place) or NameSums())
                for slot, part in enumerate(_parts(sums, _SLOTS.get(level, 1))):
                    yield Bucket(place[0], level, place[1], slot), part


def merged_document(bucket: Bucket, changes: Sums, before: Document | None) -> Document | None:
    """The document of a bucket after changes to it; None if there is nothing left in it."""
    if before is not None:
        _take_in(changes, before)
    labels = counts_content(changes.labels)
    names = words_content(changes.names) | customers_content(changes.names)
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


def _levels(
    shifts: Mapping[tuple[str, datetime], Any], kind: Callable[[], Any]
) -> Iterator[tuple[str, Mapping[tuple[str, Any], Any]]]:
    """The sums of each level, the coarsest first."""
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


def _parts(sums: Sums, slots: int) -> list[Sums]:
    """Names by slot; the first has the labels."""
    if slots == 1:
        return [sums]
    parts = [Sums(LabelSums(), NameSums()) for _ in range(slots)]
    parts[0] = parts[0]._replace(labels=sums.labels)
    for word, count in sums.names.words.items():
        parts[crc32(word.encode()) % slots].names.words[word] = count
    for customer_id, counts in sums.names.customers.items():
        parts[crc32(customer_id.encode()) % slots].names.customers[customer_id] = counts
    return parts
