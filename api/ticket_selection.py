"""What a list of tickets asks MongoDB for: a query, an order, and the index that serves both."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from pymongo import ASCENDING, DESCENDING

from api.ticket_parameters import SortName, TicketFilters
from api.walks import walk_for
from api.word_search import holding, words_asked
from infra.mongo import Document

# Not `None`, which also means a field that is missing: twice as many places in an index to look.
LIVE: Final[Document] = {"deleted_at": {"$type": "null"}}
_LISTS: Final = ("status", "urgency", "sentiment", "source", "customer_id")


class Order(NamedTuple):
    """An order by `field` and, where that is equal, by external id, as an index walks it."""

    field: str
    direction: int
    ties: int

    @property
    def keys(self) -> list[tuple[str, int]]:
        """What MongoDB sorts by."""
        return [(self.field, self.direction), ("external_id", self.ties)]

    def after(self, moment: datetime, external_id: str) -> list[Document]:
        """What comes after a row; the first condition bounds the index, the rest settles ties."""
        beyond, up_to = ("$gt", "$gte") if self.direction == ASCENDING else ("$lt", "$lte")
        tie = "$gt" if self.ties == ASCENDING else "$lt"
        return [
            {self.field: {up_to: moment}},
            {"$or": [{self.field: {beyond: moment}}, {"external_id": {tie: external_id}}]},
        ]


_ORDERS: Final[dict[SortName, Order]] = {
    "-created_at": Order("created_at", DESCENDING, ASCENDING),
    "created_at": Order("created_at", ASCENDING, DESCENDING),
    "-updated_at": Order("updated_at", DESCENDING, ASCENDING),
    "updated_at": Order("updated_at", ASCENDING, DESCENDING),
    "-changed_at": Order("changed_at", DESCENDING, DESCENDING),
    "changed_at": Order("changed_at", ASCENDING, ASCENDING),
}


class Selection(NamedTuple):
    """All of `conditions` hold; `index_name` is None where MongoDB is to choose."""

    conditions: Sequence[Document]
    order: Order
    index_name: str | None

    @property
    def query(self) -> Document:
        """The tickets that are selected."""
        return {"$and": list(self.conditions)} if self.conditions else {}

    def after(self, moment: datetime, external_id: str) -> "Selection":
        """What comes after a row."""
        rest = self.order.after(moment, external_id)
        return self._replace(conditions=[*self.conditions, *rest])


def select(filters: TicketFilters, order_name: SortName) -> Selection:
    """The tickets that match every filter."""
    order = _ORDERS[order_name]
    values = _values(filters)
    walk = walk_for(order.field, values)
    conditions = [] if filters.include_deleted else [LIVE]
    conditions += [
        _among(f, some) for f, some in ({**walk.values, **values} if walk else values).items()
    ]
    conditions += [
        {field: {operator: bound}} for field, operator, bound in _bounds(filters) if bound
    ]
    if filters.q is not None:
        conditions.append(holding(words_asked(filters.q)))
    return Selection(conditions, order, walk.index_name if walk else None)


def _values(filters: TicketFilters) -> Mapping[str, Sequence[Any]]:
    """The values that filters name, each once."""
    named = {field: getattr(filters, field) for field in _LISTS}
    values: dict[str, Sequence[Any]] = {
        field: list(dict.fromkeys(text.split(",")))
        for field, text in named.items()
        if text is not None
    }
    for field in ("requires_action", "external_id"):
        if (value := getattr(filters, field)) is not None:
            values[field] = [value]
    return values


def _bounds(filters: TicketFilters) -> list[tuple[str, str, datetime | None]]:
    return [
        ("created_at", "$gte", filters.created_from),
        ("created_at", "$lt", filters.created_to),
        ("changed_at", "$gte", filters.updated_since),
    ]


def _among(field: str, values: Sequence[Any]) -> Document:
    return {field: values[0] if len(values) == 1 else {"$in": list(values)}}
