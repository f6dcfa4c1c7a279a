"""Pipelines over roll-ups: the sums that cover a range, what is not merged yet, and the cut ends.

What is not merged yet is looked up among the deltas, and ends of a range that cut a shift in two
are recounted from the tickets themselves: all in one aggregation, hence on one snapshot.  What is
taken away again (`api.cover`) counts negative.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple, get_args

from api.cover import Cover, Part, Span, cover, quarterly
from api.keywords import words_of
from api.scope import TenantCollection
from domain.labels import Sentiment, Urgency
from domain.roll_up_documents import DELTA
from domain.roll_ups import DONE
from infra.mongo import Document

URGENCIES: Final = get_args(Urgency)
SENTIMENTS: Final = get_args(Sentiment)
_COUNTS: Final = ("total", "action", *URGENCIES, *SENTIMENTS)
_OPEN: Final = ("high", "negative", "total")
_SHORT: Final = timedelta(days=92)  # too short for the sum of everything to be of use
_MONTH: Final = timedelta(days=31)


class RollUps(NamedTuple):
    """A tenant's sums and tickets in a range; `months`: of which there are sums, if that matters.

    Every method makes a `$lookup` of `field` over rows: those of sums, of deltas and of tickets,
    as `stages` go on with them.
    """

    sums: TenantCollection
    tickets: TenantCollection
    span: Span
    months: Span | None = None

    async def with_months(self) -> "RollUps":
        """The same, with what helps to cover a long range."""
        begin, end = self.span
        if self.span == Span(None, None) or (begin and end and end - begin < _SHORT):
            return self
        ends = {"_id": None, "first": {"$min": "$at"}, "last": {"$max": "$at"}}
        found = await self.sums.aggregate({"kind": "month"}, [{"$group": ends}])
        known = [Span(each["first"], each["last"] + _MONTH) for each in found]
        return self._replace(months=known[0] if known else None)

    def counts(self, stages: Iterable[Document], field: str) -> Document:
        """Rows of `counts` and `statuses`."""
        covered = self._covered
        status = {"k": "$$this.k", "n": _signed("$$this.n")}
        row = {
            "counts": {name: _signed(f"$counts.{name}") for name in _COUNTS},
            "statuses": {"$map": {"input": "$statuses", "in": status}},
        }

        def ticket(sign: int) -> Document:
            counts: Document = {name: _if("urgency", name, sign) for name in URGENCIES}
            counts |= {name: _if("sentiment", name, sign) for name in SENTIMENTS}
            counts |= {"total": sign, "action": {"$cond": ["$requires_action", sign, 0]}}
            return {"counts": counts, "statuses": [{"k": "$status", "n": sign}]}

        rows = [*_cells("labels", covered), {"$replaceWith": row}]
        return self._lookup(covered, [*rows, *self._recounted(covered, ticket), *stages], field)

    def words(self, stages: Iterable[Document], field: str) -> Document:
        """Rows of the words `w`, each of which is in `n` tickets."""
        covered = self._covered
        group = {"n": _signed("$words.n"), "w": {"$split": ["$words.w", " "]}}
        rows = [*_cells("names", covered), {"$unwind": "$words"}, {"$replaceWith": group}]
        words = words_of("subject", "message")
        rows += self._recounted(covered, lambda sign: {"n": sign, "w": words})
        return self._lookup(covered, [*rows, *stages], field)

    def customers(self, stages: Iterable[Document], field: str) -> Document:
        """Rows of customers `k` with the open tickets `high`, `negative`, `total`."""
        covered = self._covered
        row = {"k": "$customers.k"} | {name: _signed(f"$customers.{name}") for name in _OPEN}

        def ticket(sign: int) -> Document:
            return {
                "k": "$customer_id",
                "high": _if("urgency", "high", sign),
                "negative": _if("sentiment", "negative", sign),
                "total": sign,
            }

        is_open = {"status": {"$nin": sorted(DONE)}, "customer_id": {"$ne": None}}
        rows = [*_cells("names", covered), {"$unwind": "$customers"}, {"$replaceWith": row}]
        rows += self._recounted(covered, ticket, is_open)
        return self._lookup(covered, [*rows, *stages], field)

    def quarters(
        self, begins: Sequence[datetime], stages: Iterable[Document], field: str
    ) -> Document:
        """Rows of instants `at`, quarters of an hour, with `n` and `high`, parted at `begins`."""
        covered = quarterly(self.span, begins)
        rows: list[Document] = [{"$unwind": "$labels"}, {"$unwind": "$labels.quarters"}]
        rows.append({"$replaceWith": "$labels.quarters"})
        if bounds := covered.whole.bounds:
            rows.append({"$match": {"at": bounds}})
        rows += self._recounted(
            covered,
            lambda sign: {"at": "$created_at", "n": sign, "high": _if("urgency", "high", sign)},
        )
        return self._lookup(covered, [*rows, *stages], field)

    @property
    def _covered(self) -> Cover:
        return cover(self.span, self.months)

    def _recounted(
        self, covered: Cover, ticket: Callable[[int], Document], also: Document | None = None
    ) -> list[Document]:
        live = {"deleted_at": None, **(also or {})}
        return [
            self.tickets.union(
                {**live, "created_at": cut.span.bounds}, [{"$replaceWith": ticket(cut.sign)}]
            )
            for cut in covered.cuts
        ]

    def _lookup(self, covered: Cover, stages: list[Document], field: str) -> Document:
        wanted: list[Document] = [{"kind": DELTA}]
        for part in covered.sums:
            at = {"at": part.span.bounds} if part.span.bounds else {}
            wanted.append({"kind": part.level, **at})
        return self.sums.lookup({"$or": wanted}, stages, field)


def _cells(array: str, covered: Cover) -> list[Document]:
    """The cells of the sums that were chosen, and of deltas those that are inside."""
    away = [_holds(part) for part in covered.sums if part.sign < 0]
    sign = {"$cond": [{"$or": away}, -1, 1]} if away else 1
    cell = {"$mergeObjects": [f"${array}", {"kind": "$kind", "sign": "$sign"}]}
    stages: list[Document] = [{"$set": {"sign": sign}}, {"$unwind": f"${array}"}]
    stages.append({"$replaceWith": cell})
    if bounds := covered.whole.bounds:
        stages.append({"$match": {"$or": [{"kind": {"$ne": DELTA}}, {"at": bounds}]}})
    return stages


def _holds(part: Part) -> Document:
    bounds = [{operator: ["$at", moment]} for operator, moment in part.span.bounds.items()]
    return {"$and": [{"$eq": ["$kind", part.level]}, *bounds]}


def _signed(number: str) -> Document:
    return {"$multiply": [number, "$sign"]}


def _if(field: str, value: str, number: int) -> Document:
    return {"$cond": [{"$eq": [f"${field}", value]}, number, 0]}
