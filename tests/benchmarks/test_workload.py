"""Workloads are believable, and no two of their tickets are one."""

from datetime import UTC, datetime, timedelta
from itertools import islice

from benchmarks.list_walks import walks
from benchmarks.many_tickets import SPAN, TENANT, many_tickets
from benchmarks.open_loop import latencies
from benchmarks.statistics_queries import questions
from benchmarks.workload import change_events, endless_raw, new_tickets
from domain.events import ChangeEvent, decode
from domain.identity import change_event_id, partition_of

NOW = datetime(2026, 11, 27, 18, 0, tzinfo=UTC)
DISTINCT = 40


def _events(count: int) -> list[ChangeEvent]:
    records = many_tickets(8, NOW, (count,), DISTINCT)
    events = [decode(record.value) for _, record in records]
    return [event for event in events if isinstance(event, ChangeEvent)]


def test_a_tenant_of_any_size_has_tickets_of_their_own() -> None:
    events = _events(3 * DISTINCT)

    assert len({event.external_id for event in events}) == 3 * DISTINCT
    assert len({event.ticket.subject for event in events}) == 3 * DISTINCT
    assert {(event.tenant_id, event.type, event.version) for event in events} == {
        (TENANT, "created", 1)
    }
    assert all(event.id == change_event_id(event.key, 1) for event in events)


def test_its_tickets_spread_over_two_years() -> None:
    created = [event.ticket.created_at for event in _events(10 * DISTINCT)]

    assert NOW - SPAN - timedelta(days=1) <= min(created) < NOW - SPAN * 0.8
    assert NOW - SPAN * 0.2 < max(created) <= NOW


def test_its_words_grow_with_it_and_its_customers_do_not() -> None:
    few, many = _events(DISTINCT), _events(10 * DISTINCT)

    def last_words(events: list[ChangeEvent]) -> int:
        return len({event.ticket.message.rsplit("\n", 1)[1] for event in events})

    assert last_words(many) > 2 * last_words(few)
    assert {e.ticket.customer_id for e in many} == {e.ticket.customer_id for e in few}


def test_records_lie_in_the_partitions_of_their_keys() -> None:
    for supply in (
        many_tickets(8, NOW, (5, 30), DISTINCT),
        new_tickets(8, DISTINCT),
        endless_raw(8, DISTINCT),
    ):
        for partition, record in islice(supply, 20):
            assert partition == partition_of(record.key or b"", 8)


def test_three_events_of_five_create_a_ticket() -> None:
    values = [record.value for some in change_events(50, 4).values() for record in some]
    events = [decode(value) for value in values]

    assert sum(isinstance(event, ChangeEvent) and event.type == "created" for event in events) == 30


def test_questions_cover_everything_and_ranges_in_and_out_of_zones() -> None:
    asked = list(islice(questions(NOW), 40))

    assert len({question.kind for question in asked}) == 4
    assert asked[0].query == {}
    for question in asked:
        if question.begin is not None and question.end is not None:
            assert NOW - SPAN <= question.begin < question.end <= NOW


def test_lists_are_walked_from_the_first_page_and_from_anywhere() -> None:
    asked = list(islice(walks(NOW), 9))

    assert {"created_to" in walk.query for walk in asked} == {True, False}
    assert len({walk.kind for walk in asked}) == 9


def test_latency_counts_from_when_a_record_was_due() -> None:
    assert latencies({"a": 1.0, "b": 2.0}, {"a": 1.5, "b": 2.004}, ["a", "b"])[0] == 500
