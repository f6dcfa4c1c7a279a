"""Roll-ups: whatever the batches, and whenever they are merged, they are a count of tickets."""

from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from domain.events import ChangeEvent
from domain.read_models import TicketsFold, ticket_document
from domain.records import Deleted, Observed
from domain.roll_up_deltas import Delta, RollUpChanges
from domain.roll_up_documents import delta_document
from domain.roll_up_sums import Changes, merged_document
from domain.roll_ups import Standing, standings
from projections.naive_sums import Sums, add_cells, add_delta, count, month_of, next_month
from tests.domain.strategies import ALARMED, CALM, at, deleted, log_of, observed

Document = dict[str, Any]

HOUR = 3_600
MOMENTS = [0, 60, HOUR - 1, HOUR, 23 * HOUR, 24 * HOUR, 40 * 24 * HOUR, -1]
TEXTS = ["It is on fire.", "Fire, fire and smoke!", "", "Ärger"]


@st.composite
def histories(draw: st.DrawFn) -> list[ChangeEvent]:
    """The log of a few tickets of two tenants: everything about them changes, also the tenant."""
    log: list[ChangeEvent] = []
    for number in range(draw(st.integers(1, 4))):
        said: dict[str, Any] = {
            "external_id": f"T-{number}",
            "tenant_id": ("acme", "north")[number % 2],
        }
        records: list[Observed | Deleted] = []
        for step in range(draw(st.integers(1, 8))):
            if draw(st.integers(0, 4)) == 0:
                records.append(deleted(step, **said))
                continue
            fields: dict[str, Any] = {
                "created_at": at(draw(st.sampled_from(MOMENTS))),
                "message": draw(st.sampled_from(TEXTS)),
                "status": draw(st.sampled_from(["open", "closed", "a.b", ""])),
                "customer_id": draw(st.sampled_from(["c-1", "c-2", None])),
            }
            fields["labels"] = ALARMED if draw(st.booleans()) else CALM
            records.append(observed(step, **said, **fields))
        log += log_of(records)
    # One ticket's events stay in order; those of several are mixed.
    return sorted(log, key=lambda event: event.version)


@given(histories(), st.randoms(use_true_random=False))
def test_sums_are_a_count_of_the_tickets(log: list[ChangeEvent], chance: Any) -> None:
    deltas: list[Document] = []
    merged: dict[str, Document] = {}
    rest = list(log)
    while rest:
        size = chance.randrange(1, 6)
        batch, rest = rest[:size], rest[size:]
        # Later events of a ticket come first, and give way to its first of the batch.
        known = {e.key: _applied(log, e) for e in reversed(batch)}
        fold = TicketsFold({key: a for key, a in known.items() if a is not None}, set())
        for event in batch:
            fold.apply(event, chance.randrange(3))
        deltas += [delta_document(delta) for delta in fold.roll_ups.deltas()]
        if chance.random() < 0.4:
            chance.shuffle(deltas)
            few = chance.randrange(len(deltas) + 1)
            merge(merged, deltas[:few])
            del deltas[:few]

    assert len({delta["_id"] for delta in deltas}) == len(deltas)
    _check(log, deltas, merged)
    merge(merged, deltas)
    _check(log, [], merged)


def _applied(log: Sequence[ChangeEvent], event: ChangeEvent) -> Any:
    """What the document of the ticket says of itself before the event."""
    fold = TicketsFold({}, set())
    for earlier in log:
        if earlier.key == event.key and earlier.version < event.version:
            fold.apply(earlier, 0)
    return fold.applied.get(event.key)


def merge(merged: dict[str, Document], deltas: Sequence[Document]) -> None:
    """Merge deltas into documents by `_id`, as a merger does."""
    for tenant_id in ("acme", "north"):
        changes = Changes(tenant_id)
        for delta in deltas:
            if delta["tenant_id"] == tenant_id:
                changes.add(delta)
        for bucket, sums in changes.buckets():
            after = merged_document(bucket, sums, merged.pop(bucket.id, None))
            if after is not None:
                assert after["_id"] == bucket.id
                merged[bucket.id] = after


def _check(
    log: Sequence[ChangeEvent], deltas: Sequence[Document], merged: Mapping[str, Document]
) -> None:
    tickets = {event.key: ticket_document(event) for event in log}
    live = [ticket for ticket in tickets.values() if ticket["deleted_at"] is None]
    documents = [*deltas, *merged.values()]
    months = {month_of(at(moment)) for moment in MOMENTS}
    for tenant_id in ("acme", "north"):
        mine = [d for d in documents if d["tenant_id"] == tenant_id]
        for month in months:
            expected, found = Sums(), Sums()
            for ticket in live:
                if ticket["tenant_id"] == tenant_id and month_of(ticket["created_at"]) == month:
                    count(expected, ticket)
            for document in mine:
                if document["kind"] == "delta":
                    add_delta(found, document, month)
                elif document["at"] and month <= document["at"] < next_month(month):
                    add_cells(found, document, document["kind"])
            assert +found == +expected
            assert -found == Sums()
        _check_all(mine)


def _check_all(documents: Sequence[Document]) -> None:
    of_months, of_all = Sums(), Sums()
    for document in documents:
        level = document["kind"]
        if level in ("month", "all"):
            add_cells(of_months if level == "month" else of_all, document, "all")
    assert of_months == of_all


@given(histories())
def test_what_a_ticket_was_before_follows_from_the_event(log: list[ChangeEvent]) -> None:
    known: dict[str, Standing | None] = {}
    for event in log:
        before, after = standings(event)
        assert before == known.get(event.key)
        known[event.key] = after


def test_what_changes_nothing_that_counts_leaves_no_delta() -> None:
    log = log_of([observed(0), observed(1, source="phone")])
    changes = RollUpChanges()
    changes.apply(log[1], 0)

    assert len(log) == 2
    assert list(changes.deltas()) == []


def test_a_batch_of_many_words_is_cut_into_documents() -> None:
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = ["xx" + a + b + c for a in letters for b in letters for c in letters]
    changes = RollUpChanges()
    for number in range(20):
        [event] = log_of([observed(0, external_id=f"T-{number}", message=" ".join(words))])
        changes.apply(event, 0)
    deltas: list[Delta] = list(changes.deltas())

    assert sum(delta.words for delta in deltas) == 20 * (len(words) + 1)
    assert max(delta.words for delta in deltas) < 100_000
    assert len({delta_document(delta)["_id"] for delta in deltas}) == len(deltas) > 3
