"""The digest of documents: the same whatever their order, batches and partitions."""

from datetime import UTC, datetime, timedelta, timezone
from functools import reduce
from typing import Any

from bson import decode, encode
from bson.codec_options import CodecOptions
from hypothesis import given
from hypothesis import strategies as st

from domain.digests import Digest, DigestChanges, Share, document_digest
from domain.read_models import TICKET_HISTORY, TICKETS, Applied, TicketsFold, ticket_document
from domain.records import Deleted, Observed
from tests.domain.strategies import deleted, lives, log_of, observed

MOMENT = datetime(2026, 10, 1, 12, 0, 0, 123000, tzinfo=UTC)


def total(changes: DigestChanges) -> dict[tuple[str, str], Digest]:
    """What changes amount to, by model and tenant."""
    sums: dict[tuple[str, str], Digest] = {}
    for share, change in changes.items():
        place = share.model, share.tenant_id
        sums[place] = sums.get(place, Digest()).plus(change)
    return sums


def test_a_document_has_the_digest_of_its_content_alone() -> None:
    document = {"_id": "acme:1", "status": "open", "at": MOMENT, "gone": None, "deep": [{"a": 1}]}
    turned = dict(reversed(document.items()))

    digest = document_digest(TICKETS, document)

    assert document_digest(TICKETS, turned | {"digest": digest}) == digest
    assert document_digest(TICKET_HISTORY, document) != digest
    assert document_digest(TICKETS, document | {"status": "open "}) != digest
    assert document_digest(TICKETS, document | {"at": MOMENT + timedelta(milliseconds=1)}) != digest
    assert document_digest(TICKETS, {**document, "gone": ""}) != digest


def test_what_mongodb_gives_back_has_the_same_digest() -> None:
    document = ticket_document(log_of([observed(5.25)])[0]) | {"elsewhere": MOMENT}

    read: dict[str, Any] = decode(encode(document), CodecOptions(tz_aware=True))

    assert document_digest(TICKETS, read) == document_digest(TICKETS, document)
    east = MOMENT.astimezone(timezone(timedelta(hours=0)))
    assert document_digest(TICKETS, document | {"elsewhere": east}) == document_digest(
        TICKETS, document
    )


@given(lives(tickets=3), st.integers(1, 5))
def test_batches_and_the_order_between_tickets_do_not_matter(
    records: list[Observed | Deleted], size: int
) -> None:
    by_ticket: dict[str, list[Observed | Deleted]] = {}
    for record in records:
        by_ticket.setdefault(record.key, []).append(record)
    logs = [log_of(some) for some in by_ticket.values()]
    whole = TicketsFold({}, set())
    for number, log in enumerate(logs):
        for event in log:
            whole.apply(event, number)

    sums: list[dict[tuple[str, str], Digest]] = []
    applied: dict[str, Applied] = {}
    order = [event for log in reversed(logs) for event in log]
    for start in range(0, len(order), size):
        fold = TicketsFold(applied, set())
        for event in order[start : start + size]:
            fold.apply(event, 0)
        applied = dict(fold.applied)
        sums.append(total(fold.digests))

    places = total(whole.digests)
    for place, digest in places.items():
        parts = [some[place] for some in sums if place in some]
        assert reduce(Digest.plus, parts, Digest()) == digest


def test_the_sum_is_that_of_the_documents_there_are() -> None:
    fold = TicketsFold({}, set())
    for event in log_of([observed(1), observed(2, status="closed"), deleted(3)]):
        fold.apply(event, 3)

    [(key, document)] = fold.tickets.items()
    sums = dict(fold.digests.items())

    assert (key, document["version"]) == ("acme:T-1", 3)
    one = int.from_bytes(document_digest(TICKETS, document), "big")
    assert sums[Share(TICKETS, "acme", 3)] == Digest(1, one)
    assert sums[Share(TICKET_HISTORY, "acme", 3)].documents == 3
