"""Classification rules as data: their shape, and reading them from JSON."""

import re
from collections.abc import Iterable
from typing import Literal, TypeAlias

import msgspec

from domain.errors import DeskstreamError

Effect: TypeAlias = Literal[
    "high",  # harm that grows within hours
    "medium",  # a defect or dispute that can wait a day
    "amplifier",  # makes a medium problem near it high; alone it is medium
    "negative",
    "positive",
    "thanks",  # positive only if nothing is asked and nothing is wrong
    "request",  # somebody should do something
    "frame",  # opens a request for information: topics in its sentence are only talked about
    "negation",
    "break",  # ends the reach of a negation
    "contrast",  # "but": ends the reach of a negation, and what follows weighs more
    "hypothetical",  # "if": what follows, up to the next pause, has not happened
    "resolved",
    "reopened",  # takes an earlier "resolved" back
    "sign",  # says nothing alone, only in a combination
    "inert",  # words that look hot and are not: consumed without effect
]
Language: TypeAlias = Literal["en", "de", "fr", "es", "any"]

_NAME = re.compile(r"[a-z][a-z0-9_]*")


class RulesetError(DeskstreamError):
    """A ruleset that does not keep to the contract; the message names the rule."""


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Phrases that mean the same, and what they do."""

    name: str
    effect: Effect
    phrases: dict[Language, tuple[str, ...]]
    topic: bool = False  # silent inside a request for information
    threat: bool = False  # holds inside an "if" and after "resolved"
    plea: bool = False  # asks for speed without telling of harm: says nothing of sentiment
    complaint: bool = False  # tells of displeasure besides a medium problem

    def all_phrases(self) -> Iterable[str]:
        """Yield the phrases of every language."""
        for phrases in self.phrases.values():
            yield from phrases


class Combination(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Rules that mean something together: one of each group, near one of the first group."""

    name: str
    effect: Literal["high", "medium", "amplifier"]
    of: tuple[tuple[str, ...], ...]  # groups of names of rules
    reach: int = 1  # sentences from one to the next, 0: within one; a title is near to all others
    plea: bool = False
    complaint: bool = False


class Ruleset(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All rules of one version."""

    version: int
    lists: dict[str, tuple[str, ...]]  # `$name` in a phrase stands for any entry
    fillers: tuple[str, ...]  # words that may stand inside any phrase: "is *still* down"
    spellings: dict[str, tuple[str, ...]]  # word -> how else people write it
    rules: tuple[Rule, ...]
    combinations: tuple[Combination, ...] = ()


def parse_ruleset(data: bytes) -> Ruleset:
    """Return the ruleset written in `data` (JSON).

    Raises:
        RulesetError: the JSON, a name, a list or a phrase breaks the contract.

    """
    try:
        ruleset = msgspec.json.decode(data, type=Ruleset)
    except msgspec.DecodeError as error:
        raise RulesetError(_naming_the_rule(str(error), data)) from error
    if ruleset.version < 1:
        raise RulesetError(f"version must be 1 or more, not {ruleset.version}")
    seen: set[str] = set()
    for rule in ruleset.rules:
        _check(rule, ruleset, seen)
        seen.add(rule.name)
    for combination in ruleset.combinations:
        _check_combination(combination, ruleset)
    return ruleset


def _check(rule: Rule, ruleset: Ruleset, seen: set[str]) -> None:
    """Refuse a rule whose name or phrases cannot be used."""
    if not _NAME.fullmatch(rule.name):
        raise RulesetError(f"rule {rule.name!r}: a name is lower-case words joined by _")
    if rule.name in seen:
        raise RulesetError(f"rule {rule.name!r}: defined twice")
    phrases = tuple(rule.all_phrases())
    if not phrases:
        raise RulesetError(f"rule {rule.name!r}: has no phrases")
    for phrase in phrases:
        slots = phrase.split()
        if not slots or slots[0].endswith(("*", "?")) or slots[-1].startswith("*"):
            raise RulesetError(f"rule {rule.name!r}: {phrase!r} must begin and end with words")
        for name in re.findall(r"\$(\w+)", phrase):
            if name not in ruleset.lists:
                raise RulesetError(f"rule {rule.name!r}: {phrase!r} uses the unknown list {name}")


def _check_combination(combination: Combination, ruleset: Ruleset) -> None:
    """Refuse a combination that shares its name, or that no ticket could meet."""
    name = f"combination {combination.name!r}"
    rules = [rule.name for rule in ruleset.rules]
    taken = rules + [each.name for each in ruleset.combinations]
    if taken.count(combination.name) > 1:
        raise RulesetError(f"{name}: the name is taken")
    met = [rule for group in combination.of for rule in group]
    if len(combination.of) < 2 or not all(combination.of) or len(set(met)) < len(met):
        raise RulesetError(f"{name}: needs two groups or more, no rule in two of them")
    for unknown in sorted(set(met).difference(rules)):
        raise RulesetError(f"{name}: there is no rule {unknown!r}")


def _naming_the_rule(message: str, data: bytes) -> str:
    """Replace the position of a faulty rule in `message` by its name, where it has one."""
    place = re.search(r"\$\.rules\[(\d+)\]", message)
    if place is None:
        return message
    name = msgspec.json.decode(data)["rules"][int(place[1])]
    name = name.get("name", place[0]) if isinstance(name, dict) else place[0]
    return f"rule {name!r}: {message}"
