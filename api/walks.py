"""Which index a list of tickets walks, so that it examines little more than it shows.

An index serves a list if every field before the one that orders it has few values: MongoDB then
walks it once for each combination and merges.  A filter names values; of labels, which have three
values at most, all are asked for where no filter does.  So one index serves many filters.
"""

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any, Final, NamedTuple, get_args

from domain.labels import Sentiment, Urgency

Values = Mapping[str, Sequence[Any]]

# MongoDB merges at most 200 walks (internalQueryMaxScansToExplode), and needs two for each
# combination where a cursor stands between rows of one instant.
_MOST_COMBINATIONS: Final = 100
_LABELS: Final[dict[str, Sequence[Any]]] = {
    "urgency": get_args(Urgency),
    "sentiment": get_args(Sentiment),
    "requires_action": (True, False),
}


class Walk(NamedTuple):
    """An index, and the values of the fields that it begins with, after tenant and life."""

    index_name: str
    values: Values


# By what they are in the order of, and then by the fields before it.
_INDEXES: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "created_at": {
        "newest": (),
        "labels": ("urgency", "sentiment", "requires_action"),
        "status_labels": ("status", "urgency", "sentiment", "requires_action"),
        "customer_urgency": ("customer_id", "urgency"),
        "customer_status": ("customer_id", "status"),
        "source_urgency": ("source", "urgency"),
        "source_status": ("source", "status"),
    },
    "updated_at": {"updated": ()},
    "changed_at": {
        "changed": (),
        "status_changed": ("status",),
        "urgency_changed": ("urgency",),
    },
}
_ONE_TICKET: Final = Walk("ticket", {})


def walk_for(order: str, filters: Values) -> Walk | None:
    """The walk, in the order of a field, that leaves least to be passed over.

    None: there are too many combinations to walk; MongoDB is to choose by what it finds.
    """
    if "external_id" in filters:
        return _ONE_TICKET
    walks = [
        Walk(index, {field: filters.get(field) or _LABELS[field] for field in fields})
        for index, fields in _INDEXES[order].items()
        if all(field in filters or field in _LABELS for field in fields)
    ]
    best = max(walks, key=lambda walk: (len(walk.values.keys() & filters.keys()), -_width(walk)))
    return best if _width(best) <= _MOST_COMBINATIONS else None


def _width(walk: Walk) -> int:
    return prod(len(values) for values in walk.values.values())
