"""What the classifier remembers to be quick: bounded, and of no effect on the labels."""

import pytest

from benchmarks.classification.labelled import labelled_tickets
from domain import phrase_search, words
from domain.classification import Classifier
from domain.ruleset import parse_ruleset
from infra.rules import default_classifier, shipped_rules

TICKETS = [(ticket.subject, ticket.message) for ticket in labelled_tickets()]


def new_classifier() -> Classifier:
    return Classifier(parse_ruleset(shipped_rules()))


def test_labels_do_not_depend_on_what_was_read_before() -> None:
    forwards, backwards = new_classifier(), new_classifier()

    first = [forwards.classify(*ticket) for ticket in TICKETS]
    last = [backwards.classify(*ticket) for ticket in reversed(TICKETS)]

    assert first == last[::-1]


def test_forgetting_how_phrases_go_on_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = [default_classifier().classify(*ticket) for ticket in TICKETS]
    monkeypatch.setattr(phrase_search, "_MOST_STATES", 50)
    classifier = new_classifier()

    assert [classifier.classify(*ticket) for ticket in TICKETS] == wanted


def test_states_are_forgotten_when_there_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(phrase_search, "_MOST_STATES", 50)
    search = phrase_search.PhraseSearch(parse_ruleset(shipped_rules()))
    known = []
    for subject, message in TICKETS:
        search.find(words.words_of(f"{subject} {message}"))
        known.append(len(search._states))

    assert max(known) > 50
    assert max(known) < 50 + 200


def test_pieces_of_text_are_remembered_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = [default_classifier().classify(*ticket) for ticket in TICKETS]
    groups = words._Groups()
    monkeypatch.setattr(words, "_GROUPS", groups)
    monkeypatch.setattr(words._Groups, "_CAPACITY", 100)

    assert [default_classifier().classify(*ticket) for ticket in TICKETS] == wanted
    assert 0 < len(groups) <= 100
    assert groups["x" * 1000] == ("x" * 1000,)
    assert max(map(len, groups)) < 100
