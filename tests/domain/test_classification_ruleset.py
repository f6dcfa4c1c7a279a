"""Rulesets: what is read, and how a faulty one is named."""

from typing import Any

import msgspec
import pytest

from domain.classification import Classifier
from domain.ruleset import RulesetError, parse_ruleset
from infra.rules import default_classifier, shipped_rules


def ruleset(*rules: dict[str, Any], **fields: Any) -> bytes:
    return msgspec.json.encode(
        {"version": 7, "lists": {}, "fillers": [], "spellings": {}, "rules": rules, **fields}
    )


def rule(*phrases: str, name: str = "smoke", effect: str = "high", **fields: Any) -> dict[str, Any]:
    return {"name": name, "effect": effect, "phrases": {"en": phrases}, **fields}


def heard(data: bytes, message: str) -> bool:
    return Classifier(parse_ruleset(data)).classify("", message).urgency == "high"


def test_labels_name_the_version_of_their_rules() -> None:
    labels = Classifier(parse_ruleset(ruleset(rule("smoke")))).classify("", "smoke")

    assert labels.ruleset_version == 7


def test_the_shipped_rules_are_compiled_once() -> None:
    assert default_classifier() is default_classifier()
    assert parse_ruleset(shipped_rules()).version >= 1


@pytest.mark.parametrize(
    ("phrase", "message", "wanted"),
    [
        ("thick smoke", "Thick  SMOKE here", True),
        ("thick smoke", "Thick white smoke", False),
        ("thick|dense smoke", "dense smoke", True),
        ("thick white? smoke", "thick white smoke", True),
        ("thick white? smoke", "thick smoke", True),
        ("thick * smoke", "thick white smoke", True),
        ("thick * smoke", "thick smoke", False),
        ("thick * smoke", "thick, smoke", False),
        ("thick *? smoke", "thick smoke", True),
        ("$gas escapes", "laughing gas escapes", True),
        ("laughing_gas|steam escapes", "laughing gas escapes", True),
        ("smoke rises", "smoke still rises", True),
        ("smoke rises", "smoke still still still rises", False),
        ("smoke can't rise", "smoke cant rise", True),
        ("thick smoke", "thick smoek", True),
    ],
)
def test_a_phrase_is_written_in_slots(phrase: str, message: str, wanted: bool) -> None:
    data = ruleset(
        rule(phrase),
        lists={"gas": ["laughing gas", "steam"]},
        fillers=["still"],
        spellings={"smoke": ["smoek"]},
    )

    assert heard(data, message) is wanted


def test_the_longest_phrase_wins_and_consumes_its_words() -> None:
    data = ruleset(rule("smoke"), rule("smoke test", name="exercise", effect="inert"))

    assert heard(data, "smoke")
    assert not heard(data, "smoke test")


@pytest.mark.parametrize(
    ("faulty", "complaint"),
    [
        (rule("smoke", effect="loud"), "rule 'smoke': Invalid enum value 'loud'"),
        (rule("smoke", loud=True), "rule 'smoke': Object contains unknown field `loud`"),
        (rule("smoke", name="Smoke!"), "rule 'Smoke!': a name is lower-case words joined by _"),
        (rule(), "rule 'smoke': has no phrases"),
        (rule(""), "must begin and end with words"),
        (rule("* smoke"), "rule 'smoke': '* smoke' must begin and end with words"),
        (rule("! smoke"), "must begin with a word, not with a mark"),
        (rule("smoke *?"), "rule 'smoke': 'smoke *?' must begin and end with words"),
        (rule("thick? smoke"), "must begin and end with words"),
        (rule("thick $gas"), "rule 'smoke': 'thick $gas' uses the unknown list gas"),
        (rule("thick white?|black smoke"), "has ? or * inside the choice 'white?'"),
        (rule("thick |white smoke"), "has the empty alternative ''"),
        (rule(" ".join(["a|b|c"] * 12)), "can be said in too many ways"),
        ({"effect": "high"}, "$.rules[0]"),
    ],
)
def test_a_faulty_rule_is_named(faulty: dict[str, Any], complaint: str) -> None:
    with pytest.raises(RulesetError) as caught:
        Classifier(parse_ruleset(ruleset(faulty)))

    assert complaint in str(caught.value)


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"version": "one"}'])
def test_what_is_no_ruleset_is_refused(data: bytes) -> None:
    with pytest.raises(RulesetError):
        parse_ruleset(data)


def test_versions_count_from_one_and_names_are_unique() -> None:
    with pytest.raises(RulesetError, match="version must be 1 or more"):
        parse_ruleset(ruleset(rule("smoke"), version=0))
    with pytest.raises(RulesetError, match="rule 'smoke': defined twice"):
        parse_ruleset(ruleset(rule("smoke"), rule("fire")))
