"""The labelled tickets: what the rules get right, held above thresholds and above baselines."""

from collections import Counter

import pytest

from benchmarks.classification.guesses import by_rules, majority, plain_keywords
from benchmarks.classification.labelled import Part, labelled_tickets, of_set
from benchmarks.classification.scores import AXES, scores

TICKETS = labelled_tickets()
PARTS: list[Part] = ["tuning", "frozen"]


@pytest.mark.parametrize("part", PARTS)
def test_the_rules_hold_the_thresholds_of_the_contract_on_the_first_batch(part: Part) -> None:
    found = scores(by_rules, of_set(TICKETS, part, "first"))

    assert found.recall_of_high.value >= 0.95
    assert found.precision_of_high.value >= 0.85
    assert min(found.macro_f1.values()) >= 0.85, found


@pytest.mark.parametrize("part", PARTS)
def test_the_rules_beat_both_baselines_on_every_axis(part: Part) -> None:
    tickets = of_set(TICKETS, part)
    rules = scores(by_rules, tickets)
    often = scores(majority(of_set(TICKETS, "tuning")), tickets)
    plain = scores(plain_keywords, tickets)

    for axis in AXES:
        assert rules.macro_f1[axis] > max(often.macro_f1[axis], plain.macro_f1[axis]) + 0.1


def test_the_set_is_large_and_varied() -> None:
    strata = Counter(ticket.stratum for ticket in TICKETS)

    assert len(TICKETS) >= 450
    assert len(strata) >= 14
    assert len(of_set(TICKETS, "frozen", "second")) >= 200
    assert len({(ticket.subject, ticket.message) for ticket in TICKETS}) == len(TICKETS)
