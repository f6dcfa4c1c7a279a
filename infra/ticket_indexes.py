"""The indexes of `tickets`: what the API's lists walk, each paid for at every write.

Each begins with the tenant.  Then come the fields that filters fix, and the order of the list, in
which `external_id` makes every key unique.  `api.walks` says which list walks which.
"""

from typing import Final

from pymongo import ASCENDING, DESCENDING, IndexModel

_LIVE: Final = ("tenant_id", "deleted_at")


def _index(name: str, *fields: str, **options: object) -> IndexModel:
    """An index by these fields, ascending, or descending after a `-`."""
    keys = [(f.removeprefix("-"), DESCENDING if f[0] == "-" else ASCENDING) for f in fields]
    return IndexModel(keys, name=name, **options)


def _newest_live(name: str, *fixed: str) -> IndexModel:
    return _index(name, *_LIVE, *fixed, "-created_at", "external_id")


TICKET_INDEXES: Final = [
    _index("ticket", "tenant_id", "external_id", unique=True),
    _newest_live("newest"),
    _newest_live("labels", "urgency", "sentiment", "requires_action"),
    _newest_live("status_labels", "status", "urgency", "sentiment", "requires_action"),
    _newest_live("customer_urgency", "customer_id", "urgency"),
    _newest_live("customer_status", "customer_id", "status"),
    _newest_live("source_urgency", "source", "urgency"),
    _newest_live("source_status", "source", "status"),
    _index("updated", *_LIVE, "-updated_at", "external_id"),
    _index("changed", "tenant_id", "changed_at", "external_id"),
    _index("status_changed", "tenant_id", "status", "changed_at", "external_id"),
    _index("urgency_changed", "tenant_id", "urgency", "changed_at", "external_id"),
    _index("purge", "purge_after", expireAfterSeconds=0),
]
# Those of earlier releases: dropped once the others are there.
RETIRED_TICKET_INDEXES: Final = frozenset({"urgent", "status", "customer"})
