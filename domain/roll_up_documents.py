"""Roll-ups as documents: deltas as batches leave them, and the sums that deltas are merged into.

A document has cells of `labels` (counts) and of `names` (words and customers).
Merged sums have the one cell of their bucket, so whoever adds up need not know which is which.
Words stand by count: `{n: 3, w: "invoice refund"}` says that three tickets hold each, and one that
is there twice counts twice; a string costs a tenth of an array of as many words.
"""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from domain.roll_up_deltas import Delta, ShiftChanges
from domain.roll_ups import CustomerSums, LabelSums, NameSums

Document: TypeAlias = dict[str, Any]

DELTA: Final = "delta"


def delta_document(delta: Delta) -> Document:
    """A delta as it is inserted."""
    return {
        "_id": f"{delta.tenant_id}:{DELTA}:{delta.partition}:{delta.name}",
        "tenant_id": delta.tenant_id,
        "kind": DELTA,
        "at": None,
        "weight": delta.weight,
        "labels": [{"at": at, **labels_content(s.labels)} for at, s in delta.shifts.items()],
        "names": [
            {"at": at, "words": _texts(shift), "customers": _customers(shift.customers)}
            for at, shift in delta.shifts.items()
        ],
    }


def add_counts(sums: LabelSums, cell: Mapping[str, Any]) -> None:
    """Add what a cell of `labels` holds."""
    for name, count in cell["counts"].items():
        sums.counts[name] += count
    for status in cell["statuses"]:
        sums.statuses[status["k"]] += status["n"]
    for quarter in cell["quarters"]:
        sums.add_quarter(quarter["at"], quarter["n"], quarter["high"])


def add_words(sums: NameSums, cell: Mapping[str, Any]) -> None:
    """Add the words of a cell of `names`."""
    counts = sums.words
    for group in cell["words"]:
        words, count = group["w"].split(" "), group["n"]
        if count == 1:
            counts.update(words)
        else:
            for word in words:
                counts[word] += count


def add_customers(sums: NameSums, cell: Mapping[str, Any]) -> None:
    """Add the customers of a cell of `names`."""
    for customer in cell["customers"]:
        counts = customer["high"], customer["negative"], customer["total"]
        sums.customers.add(customer["k"], *counts)


def labels_content(sums: LabelSums) -> Document:
    """What a cell of `labels` holds."""
    return {
        "counts": {name: count for name, count in sums.counts.items() if count},
        "statuses": [{"k": k, "n": n} for k, n in sums.statuses.items() if n],
        "quarters": [
            {"at": quarter, "n": count, "high": high}
            for quarter, (count, high) in sums.quarters.items()
            if count or high
        ],
    }


def names_content(sums: NameSums) -> Document:
    """What a cell of `names` holds."""
    return {"words": _words(sums), "customers": _customers(sums.customers)}


def _customers(customers: CustomerSums) -> list[Document]:
    return [
        {"k": customer_id, "high": high, "negative": negative, "total": total}
        for customer_id, (high, negative, total) in customers.items()
        if high or negative or total
    ]


def _texts(shift: ShiftChanges) -> list[Document]:
    return [{"n": sign, "w": " ".join(texts)} for sign, texts in shift.words.items()]


def _words(sums: NameSums) -> list[Document]:
    words = sums.words
    counts = set(words.values())
    if counts <= {1}:
        groups = {1: list(words)} if words else {}
    else:
        by_count: defaultdict[int, list[str]] = defaultdict(list)
        for word, count in words.items():
            by_count[count].append(word)
        by_count.pop(0, None)
        groups = dict(by_count)
    return [{"n": n, "w": " ".join(groups[n])} for n in sorted(groups)]
