"""Which tickets that a complete crawl did not show are deleted: evidence, and a guard (section 5).

A ticket that is absent is gone only if something says so: the helpdesk's list of deleted ids, its
404 for the ticket, or a second complete crawl without it.
"""

from collections.abc import Collection, Mapping
from typing import Final, Literal, NamedTuple

Evidence = Literal["deleted_list", "detail_404", "two_absences"]
DETAIL_REQUESTS: Final = 30
_ALWAYS_BELIEVED: Final = 10


class Known(NamedTuple):
    """What is known of a tenant's absent tickets before anyone is asked about one of them.

    `listed` are the ids that the helpdesk calls deleted, None if it has no such list; `shared` are
    ids known under several tenants, which that list cannot tell apart; `absent_before` are those
    that the complete crawl before did not show either.
    """

    absent: Collection[str]
    listed: Collection[str] | None
    shared: Collection[str]
    absent_before: Collection[str]


def suspects(known: Known) -> list[str]:
    """The absent tickets that may be deleted, as far as the list of deleted ids allows."""
    return [id_ for id_ in known.absent if known.listed is None or id_ in known.listed]


def doubtful(known: Known) -> list[str]:
    """The suspects whose detail is worth asking for: no list speaks for them.  At most 30."""
    if known.listed is not None:
        return []
    return [id_ for id_ in suspects(known) if id_ not in known.shared][:DETAIL_REQUESTS]


def deletions(known: Known, exists: Mapping[str, bool]) -> dict[str, Evidence]:
    """The tickets that are deleted, with the evidence; `exists` is what details said."""
    found = ((id_, _evidence(id_, known, exists)) for id_ in suspects(known))
    return {id_: evidence for id_, evidence in found if evidence is not None}


def _evidence(id_: str, known: Known, exists: Mapping[str, bool]) -> Evidence | None:
    if id_ in known.shared:
        return "two_absences" if id_ in known.absent_before else None
    if known.listed is not None:
        return "deleted_list"
    if id_ in exists:
        return None if exists[id_] else "detail_404"
    return "two_absences" if id_ in known.absent_before else None


def is_credible(gone: int, live: int, most_percent: float) -> bool:
    """False if too many of a tenant's `live` tickets would be `gone` at once to be believed."""
    return gone <= _ALWAYS_BELIEVED or gone * 100 <= live * most_percent
