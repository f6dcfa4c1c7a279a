"""Words of a text: each once, in lower case, of letters alone."""

import pytest

from domain.keywords import COMPOSITIONS, LONGEST, LOWER_CASES, words_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", set()),
        ("Refund, REFUND! refund's", {"refund"}),
        ("ab abc l'öde x_y_zoo v2beta", {"abc", "öde", "zoo", "beta"}),
        ("ÄRGER a\u0308rger A\u0308rger", {"ärger"}),
        ("ПРИВЕТ, Мир! Ёлка Е\u0308лка", {"привет", "мир", "ёлка"}),
        ("TIẾNG tie\u0302\u0301ng Tiê\u0301ng", {"tiếng"}),
        ("ΣΊΣΥΦΟΣ Größe straße", {"σίσυφοσ", "größe", "straße"}),
        ("हिन्दी 返金希望", {"हिन्दी", "返金希望"}),
        ("½½½ ²²² ⅧⅧⅧ ①①① 123 a1b2c3", set()),
        ("tab\tnew\nline\u00a0wide\u2003gap", {"tab", "new", "line", "wide", "gap"}),
        ("x" * LONGEST, {"x" * LONGEST}),
        ("x" * (LONGEST + 1), set()),
        ("é" * (LONGEST + 1), set()),
    ],
)
def test_words(text: str, words: set[str]) -> None:
    assert set(words_of(text, "")) == set(words_of("", text)) == words


def test_a_word_does_not_reach_from_subject_into_message() -> None:
    assert sorted(words_of("refund", "able")) == ["able", "refund"]


def test_each_word_is_there_once_and_stop_words_are_not() -> None:
    found = words_of("Your refund", "Thank you for the refund, danke für die Erstattung")
    assert sorted(found) == ["erstattung", "refund"]


def test_cases_and_accents_are_what_unicode_says_of_them() -> None:
    assert all(big.lower() == small for block in LOWER_CASES for big, small in block.items())
    assert len(COMPOSITIONS) > 300
    assert COMPOSITIONS["a\u0308"] == "ä"
