"""Labels that are remembered are those that would be given."""

from domain.labels import Labels
from infra.rules import RememberingClassifier, default_classifier


class _Counting:
    def __init__(self) -> None:
        self.calls = 0

    def classify(self, subject: str, message: str) -> Labels:
        self.calls += 1
        return default_classifier().classify(subject, message)


def test_a_text_seen_again_is_not_read_again() -> None:
    inner = _Counting()
    remembering = RememberingClassifier(inner)

    first = remembering.classify("Server down", "Everything is down")
    again = remembering.classify("Server down", "Everything is down")

    assert first == again == default_classifier().classify("Server down", "Everything is down")
    assert inner.calls == 1


def test_subject_and_message_do_not_run_together() -> None:
    remembering = RememberingClassifier(_Counting())

    remembering.classify("a b", "c")
    remembering.classify("a ", "bc")

    assert len(remembering) == 2


def test_what_was_used_longest_ago_is_forgotten() -> None:
    inner = _Counting()
    remembering = RememberingClassifier(inner, capacity=2)

    for subject in ("one", "two", "one", "three", "one"):
        remembering.classify(subject, "")

    assert len(remembering) == 2
    assert inner.calls == 3


def test_a_lone_surrogate_is_no_obstacle() -> None:
    assert RememberingClassifier(_Counting()).classify("\ud800", "down").urgency
