"""The classification rules that ship with Deskstream, compiled once per process."""

from functools import cache
from importlib.resources import files

from domain.classification import Classifier
from domain.ruleset import parse_ruleset


@cache
def default_classifier() -> Classifier:
    """Return the classifier of the ruleset in `domain/rules/classification.json`.

    Raises:
        RulesetError: the file breaks the contract of a ruleset.

    """
    return Classifier(parse_ruleset(shipped_rules()))


def shipped_rules() -> bytes:
    """Return the ruleset file as it ships."""
    return files("domain").joinpath("rules", "classification.json").read_bytes()
