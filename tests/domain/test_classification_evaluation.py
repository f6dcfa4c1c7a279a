"""The labelled tickets: what the rules get right, held above thresholds and above baselines."""

import sys
from collections import Counter

import pytest

from infra.rules import default_classifier
from tests.domain.classification_scores import (
    AXES,
    Answer,
    Guess,
    LabelledTicket,
    Scores,
    labelled_tickets,
    majority,
    plain_keywords,
    scores,
)

TICKETS = labelled_tickets()


def by_rules(subject: str, message: str) -> Answer:
    labels = default_classifier().classify(subject, message)
    return labels.urgency, labels.sentiment, labels.requires_action


def of_set(name: str) -> list[LabelledTicket]:
    return [ticket for ticket in TICKETS if ticket.set == name]


def measured(title: str, guess: Guess, tickets: list[LabelledTicket]) -> Scores:
    """Return the scores, and print them (seen with -s)."""
    found = scores(guess, tickets)
    f1 = "  ".join(f"{axis} {found.macro_f1[axis]:.3f}" for axis in AXES)
    sys.stdout.write(
        f"\n{title:<26} n={len(tickets):<4} high: recall {found.recall_of_high:.3f} "
        f"precision {found.precision_of_high:.3f}  macro-F1: {f1}"
    )
    return found


@pytest.mark.parametrize("name", ["tuning", "frozen"])
def test_the_rules_hold_their_thresholds(name: str) -> None:
    found = measured(f"rules, {name}", by_rules, of_set(name))

    assert found.recall_of_high >= 0.95
    assert found.precision_of_high >= 0.85
    assert min(found.macro_f1.values()) >= 0.85, found


@pytest.mark.parametrize("name", ["tuning", "frozen"])
def test_the_rules_beat_both_baselines_on_every_axis(name: str) -> None:
    tickets = of_set(name)
    rules = scores(by_rules, tickets)
    often = measured(f"majority, {name}", majority(of_set("tuning")), tickets)
    plain = measured(f"plain keywords, {name}", plain_keywords, tickets)

    for axis in AXES:
        assert rules.macro_f1[axis] > max(often.macro_f1[axis], plain.macro_f1[axis]) + 0.1


def test_the_set_is_large_varied_and_a_quarter_is_frozen() -> None:
    strata = Counter(ticket.stratum for ticket in TICKETS)

    assert len(TICKETS) >= 200
    assert len(strata) >= 14
    assert 0.2 <= len(of_set("frozen")) / len(TICKETS) <= 0.3
    assert len({(ticket.subject, ticket.message) for ticket in TICKETS}) == len(TICKETS)
