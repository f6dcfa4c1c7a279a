"""Signs that count together, and the languages in which a phrase is heard."""

from typing import Any

import msgspec
import pytest

from domain.classification import Classifier
from domain.languages import language_of
from domain.ruleset import RulesetError, parse_ruleset
from domain.words import words_of
from infra.rules import default_classifier


def rule(name: str, *phrases: str, effect: str = "sign", language: str = "en") -> dict[str, Any]:
    return {"name": name, "effect": effect, "phrases": {language: phrases}}


def ruleset(*rules: dict[str, Any], combinations: list[dict[str, Any]]) -> bytes:
    base = {"version": 7, "lists": {}, "fillers": [], "spellings": {}}
    return msgspec.json.encode({**base, "rules": rules, "combinations": combinations})


def together(**fields: Any) -> dict[str, Any]:
    return {"name": "fire", "effect": "high", "of": [["smoke"], ["heat"]], **fields}


SIGNS = (
    rule("smoke", "smoke", "grey cloud"),
    rule("heat", "heat", "grey"),
    rule("no", "no", "not", effect="negation"),
    rule("but", "but", effect="contrast"),
)


def read(message: str, subject: str = "", **fields: Any) -> tuple[str, list[str]]:
    classifier = Classifier(parse_ruleset(ruleset(*SIGNS, combinations=[together(**fields)])))
    labels = classifier.classify(subject, message)
    return labels.urgency, [match.text for match in labels.matched]


@pytest.mark.parametrize(
    ("message", "urgency"),
    [
        ("Smoke and heat.", "high"),
        ("Smoke. Then heat.", "high"),
        ("Smoke. We left. Heat.", "low"),
        ("Smoke.", "low"),
        ("Heat, heat, heat.", "low"),
        ("No smoke, but heat.", "low"),
        ("No heat but smoke.", "low"),
    ],
)
def test_signs_count_only_near_each_other_and_unless_denied(message: str, urgency: str) -> None:
    assert read(message)[0] == urgency


def test_a_title_is_near_every_sentence_unless_only_one_sentence_counts() -> None:
    assert read("We left. We waited. Heat.", subject="Smoke")[0] == "high"
    assert read("We left. We waited. Heat.", subject="Smoke", reach=0)[0] == "low"
    assert read("Smoke and heat.", reach=0)[0] == "high"
    assert read("Smoke. Heat.", reach=0)[0] == "low"


def test_the_evidence_of_a_combination_is_each_of_its_signs() -> None:
    assert read("Thick SMOKE, then some Heat.") == ("high", ["SMOKE", "Heat"])


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"name": "smoke"}, "combination 'smoke': the name is taken"),
        ({"of": [["smoke"]]}, "combination 'fire': needs two groups or more"),
        ({"of": [["smoke"], ["smoke"]]}, "combination 'fire': needs two groups or more"),
        ({"of": [["smoke"], []]}, "combination 'fire': needs two groups or more"),
        ({"of": [["smoke"], ["ash"]]}, "combination 'fire': there is no rule 'ash'"),
        ({"effect": "negative"}, "Invalid enum value 'negative'"),
    ],
)
def test_a_faulty_combination_is_named(fields: dict[str, Any], complaint: str) -> None:
    with pytest.raises(RulesetError) as caught:
        parse_ruleset(ruleset(*SIGNS, combinations=[together(**fields)]))

    assert complaint in str(caught.value)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("The server of our shop is down.", "en"),
        ("Der Server ist ausgefallen und wir können nicht arbeiten.", "de"),
        ("L'application n'affiche pas les factures.", "fr"),
        ("La impresora no funciona y los clientes están esperando.", "es"),
        ("Server down", None),
        ("Das ist the end und we are done", None),
        ("", None),
    ],
)
def test_a_language_is_told_by_its_common_words(text: str, language: str | None) -> None:
    assert language_of(words_of(text)) == language


def test_a_phrase_is_heard_in_tickets_of_its_language_or_of_none() -> None:
    rules = [rule("shout", "brand", effect="high", language="de"), *SIGNS]
    classify = Classifier(parse_ruleset(ruleset(*rules, combinations=[together()]))).classify

    assert classify("", "Brand").urgency == "high"
    assert classify("", "Das ist ein Brand und wir sind nicht da.").urgency == "high"
    assert classify("", "The brand of our shop is new.").urgency == "low"


@pytest.mark.parametrize(
    "message",
    [
        "Le court de tennis est dans la rue, nous y jouons avec les enfants.",
        "Die Not war groß, wir haben den Gift-Shop und das Brand-Logo auf der Seite.",
        "Our sale starts in May and the marre of the day is over.",
    ],
)
def test_words_of_another_language_do_not_mislead(message: str) -> None:
    assert default_classifier().classify("", message).urgency == "low"
