"""The arithmetic of the evaluation, and the data file that it may refuse."""

from typing import Any

import msgspec
import pytest

from benchmarks.classification.guesses import majority, plain_keywords
from benchmarks.classification.labelled import (
    Answer,
    LabelledTicket,
    UnsoundTicketsError,
    labelled_tickets,
    part_of,
    read_labelled_tickets,
)
from benchmarks.classification.report import errors, missed, rows, worst_slices
from benchmarks.classification.scores import Share, scores_of

HIGH: Answer = ("high", "negative", True)
LOW: Answer = ("low", "neutral", False)


@pytest.mark.parametrize(
    ("hits", "of", "low", "high"),
    [(81, 100, 0.722, 0.875), (10, 10, 0.722, 1.0), (0, 10, 0.0, 0.278), (0, 0, 0.0, 1.0)],
)
def test_the_interval_of_a_share_is_wilsons(hits: int, of: int, low: float, high: float) -> None:
    assert Share(hits, of).interval == pytest.approx((low, high), abs=0.001)


def test_scores_count_each_guess_where_it_belongs() -> None:
    found = scores_of([(HIGH, HIGH), (HIGH, LOW), (LOW, HIGH), (LOW, LOW), (LOW, LOW)])

    assert (found.recall_of_high, found.precision_of_high) == (Share(1, 2), Share(1, 2))
    assert found.confusion["urgency"]["high"] == {"high": 1, "medium": 0, "low": 1}
    assert found.macro_f1["urgency"] == pytest.approx((1 / 2 + 2 / 3) / 2)  # no medium in truth
    assert missed(found) == [
        "recall_of_high",
        "precision_of_high",
        "F1 urgency",
        "F1 sentiment",
        "F1 requires_action",
    ]
    assert missed(scores_of([(HIGH, HIGH), (LOW, LOW)])) == []


def ticket(message: str, **fields: Any) -> LabelledTicket:
    texts = {"stratum": "plain", "language": "en", "trade": "shop", "subject": "", "set": "tuning"}
    labels = {"urgency": "high", "sentiment": "negative", "requires_action": True}
    return msgspec.convert(
        {"batch": "second", "message": message, **texts, **labels, **fields}, LabelledTicket
    )


def as_file(*tickets: LabelledTicket) -> bytes:
    return msgspec.json.encode(
        {"guide": {}, "batches": {"first": "", "second": ""}, "tickets": tickets}
    )


def test_a_ticket_in_the_wrong_set_is_refused() -> None:
    placed = msgspec.structs.replace(ticket("Fire."), set=part_of(ticket("Fire.")))
    moved = msgspec.structs.replace(placed, set="frozen" if placed.set == "tuning" else "tuning")

    assert read_labelled_tickets(as_file(placed)) == [placed]
    with pytest.raises(UnsoundTicketsError, match="its text puts it into another set"):
        read_labelled_tickets(as_file(moved))
    with pytest.raises(UnsoundTicketsError, match="batch third is not described"):
        read_labelled_tickets(as_file(msgspec.structs.replace(placed, batch="third")))
    assert read_labelled_tickets(as_file(msgspec.structs.replace(moved, batch="first")))


def test_the_baselines_do_what_they_are_named_for() -> None:
    assert majority([ticket("a"), ticket("b"), ticket("c", urgency="low")])("", "") == HIGH
    assert plain_keywords("", "The download is great") == ("high", "positive", True)
    assert plain_keywords("", "Hello") == LOW


def test_every_set_of_every_batch_is_scored_beside_both_baselines() -> None:
    found = [(row.part, row.batch, row.guess) for row in rows(labelled_tickets())]

    assert len(found) == len(set(found)) == 2 * 2 * 3
    assert msgspec.json.encode([row.as_json() for row in rows(labelled_tickets())])


def test_the_worst_slices_come_first_and_small_ones_not_at_all() -> None:
    bad = [ticket("Hello.", stratum="odd", trade="tea") for _ in range(5)]
    few = [ticket("Hello.", stratum="rare") for _ in range(4)]
    good = [ticket("Our site is down.", stratum="plain") for _ in range(6)]

    found = worst_slices([*bad, *few, *good])

    assert [name for name, _, right in found if right.value == 0] == ["stratum odd", "trade tea"]
    assert "stratum rare" not in [name for name, _, _ in found]


def test_errors_are_shown_of_tuning_tickets_only() -> None:
    lines: list[str] = []

    errors([ticket("Hello one."), ticket("Hello two.", set="frozen")], lines.append)

    assert "one" in " ".join(lines)
    assert "two" not in " ".join(lines)
