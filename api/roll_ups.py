"""Pipelines over roll-ups: the sums that cover a range, what is not merged yet, and the cut ends.

What is not merged yet is looked up among the deltas, and ends of a range that cut a shift in two
are recounted from the tickets themselves: all in one aggregation, hence on one snapshot.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final, NamedTuple, get_args

from api.cover import Cover, Span, cover, quarterly
from api.keywords import words_of
from api.scope import TenantCollection
from domain.labels import Sentiment, Urgency
from domain.roll_up_documents import DELTA
from domain.roll_ups import DONE
from infra.mongo import Document

URGENCIES: Final = get_args(Urgency)
SENTIMENTS: Final = get_args(Sentiment)


class RollUps(NamedTuple):
    """A tenant's sums and tickets in a range.

    Every method makes a `$lookup` of `field` over rows: those of sums, of deltas and of tickets,
    as `stages` go on with them.
    """

    sums: TenantCollection
    tickets: TenantCollection
    span: Span

    def counts(self, stages: Iterable[Document], field: str) -> Document:
        """Rows of `counts` and `statuses`."""
        covered = cover(self.span)
        counts: Document = {name: _is("urgency", name) for name in URGENCIES}
        counts |= {name: _is("sentiment", name) for name in SENTIMENTS}
        counts |= {"total": 1, "action": {"$cond": ["$requires_action", 1, 0]}}
        ticket = {"counts": counts, "statuses": [{"k": "$status", "n": 1}]}
        rows = [*_cells("labels", covered)]
        rows += self._recounted(covered, ticket)
        return self._lookup(covered, [*rows, *stages], field)

    def words(self, stages: Iterable[Document], field: str) -> Document:
        """Rows of the words `w`, each of which is in `n` tickets."""
        covered = cover(self.span)
        group = {"n": "$words.n", "w": {"$split": ["$words.w", " "]}}
        rows = [*_cells("names", covered), {"$unwind": "$words"}, {"$replaceWith": group}]
        rows += self._recounted(covered, {"n": 1, "w": words_of("subject", "message")})
        return self._lookup(covered, [*rows, *stages], field)

    def customers(self, stages: Iterable[Document], field: str) -> Document:
        """Rows of customers `k` with the open tickets `high`, `negative`, `total`."""
        covered = cover(self.span)
        ticket = {
            "k": "$customer_id",
            "high": _is("urgency", "high"),
            "negative": _is("sentiment", "negative"),
            "total": 1,
        }
        is_open = {"status": {"$nin": sorted(DONE)}, "customer_id": {"$ne": None}}
        rows = [
            *_cells("names", covered),
            {"$unwind": "$customers"},
            {"$replaceWith": "$customers"},
        ]
        rows += self._recounted(covered, ticket, is_open)
        return self._lookup(covered, [*rows, *stages], field)

    def quarters(
        self, begins: Sequence[datetime], stages: Iterable[Document], field: str
    ) -> Document:
        """Rows of instants `at`, quarters of an hour, with `n` and `high`, parted at `begins`."""
        covered = quarterly(self.span, begins)
        ticket = {"at": "$created_at", "n": 1, "high": _is("urgency", "high")}
        rows = [{"$unwind": "$labels"}, {"$unwind": "$labels.quarters"}]
        rows += [{"$replaceWith": "$labels.quarters"}, *_inside(covered)]
        rows += self._recounted(covered, ticket)
        return self._lookup(covered, [*rows, *stages], field)

    def _recounted(
        self, covered: Cover, ticket: Document, also: Document | None = None
    ) -> list[Document]:
        live = {"deleted_at": None, **(also or {})}
        row = [{"$replaceWith": ticket}]
        cuts = [{"created_at": cut.bounds} for cut in covered.cuts]
        return [self.tickets.union({**live, "$or": cuts}, row)] if cuts else []

    def _lookup(self, covered: Cover, stages: list[Document], field: str) -> Document:
        wanted: list[Document] = [{"kind": DELTA}]
        for level, span in covered.levels:
            at = {"at": span.bounds} if span.bounds else {}
            wanted.append({"kind": level, **at})
        return self.sums.lookup({"$or": wanted}, stages, field)


def _cells(array: str, covered: Cover) -> list[Document]:
    return [{"$unwind": f"${array}"}, {"$replaceWith": f"${array}"}, *_inside(covered)]


def _inside(covered: Cover) -> list[Document]:
    """Deltas hold cells of any time; merged sums were chosen."""
    bounds = covered.whole.bounds
    return [{"$match": {"at": bounds}}] if bounds else []


def _is(field: str, value: str) -> Document:
    return {"$cond": [{"$eq": [f"${field}", value]}, 1, 0]}
