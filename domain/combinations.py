"""Signs that mean harm only together: "my savings" beside "somebody I do not know"."""

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from domain.phrase_search import Found
from domain.reading import TITLE, Claim
from domain.ruleset import Combination, Rule, Ruleset

_Places: TypeAlias = dict[int, Claim]  # sentence -> the first claim in it


class Combiner:
    """Finds the combinations of a ruleset among the claims of a ticket."""

    def __init__(self, ruleset: Ruleset) -> None:
        number = {rule.name: place for place, rule in enumerate(ruleset.rules)}
        # Rules as bits: a group is met if it shares one with what is present.
        self._groups = [
            [sum(1 << number[name] for name in names) for names in combination.of]
            for combination in ruleset.combinations
        ]
        self._combinations = [(each, _rule_of(each)) for each in ruleset.combinations]

    def telling(self, signs: list[Found], found: Iterable[Found]) -> list[Found]:
        """Return the signs that some combination may use beside each other and what is found."""
        present = 0
        for rule, _, _ in signs:
            present |= 1 << rule
        for rule, _, _ in found:
            present |= 1 << rule
        useful = 0
        for groups in self._groups:
            for group in groups:
                if not present & group:
                    break
            else:
                useful |= sum(groups)
        return [sign for sign in signs if useful >> sign[0] & 1] if useful else []

    def combine(self, claims: Sequence[Claim]) -> list[Claim]:
        """Return the claims made by combinations: for each that holds, one for every sign in it."""
        by_rule: dict[str, _Places] = {}
        for claim in claims:
            by_rule.setdefault(claim.rule.name, {}).setdefault(claim.sentence, claim)
        made: list[Claim] = []
        for combination, rule in self._combinations:
            parts = [_places(names, by_rule) for names in combination.of]
            if all(parts):
                signs = _first_together(parts, combination.reach)
                made += [
                    Claim(rule, sign.first, sign.end, sign.sentence, False, False, False)
                    for sign in signs
                ]
        return made


def _rule_of(combination: Combination) -> Rule:
    """Return the rule whose claims a combination makes."""
    return Rule(
        combination.name,
        combination.effect,
        {},
        plea=combination.plea,
        complaint=combination.complaint,
    )


def _places(names: Iterable[str], by_rule: dict[str, _Places]) -> _Places:
    """Return where any of these rules is met."""
    places: _Places = {}
    for name in names:
        for sentence, claim in by_rule.get(name, {}).items():
            known = places.get(sentence)
            if known is None or claim.first < known.first:
                places[sentence] = claim
    return places


def _first_together(parts: list[_Places], reach: int) -> list[Claim]:
    """Return the first claim of the first part that the others stand near, with those; or none."""
    anchors, *others = parts
    for sentence, anchor in sorted(anchors.items()):
        near = [_near(part, sentence, reach) for part in others]
        found = [claim for claim in near if claim is not None]
        if len(found) == len(others):
            return [anchor, *found]
    return []


def _near(part: _Places, sentence: int, reach: int) -> Claim | None:
    """Return a claim of `part` near `sentence`.  A title is near all, unless nothing else may."""
    if reach == 0:
        return part.get(sentence)
    if sentence == TITLE:
        return next(iter(part.values()), None)
    around = range(sentence - reach, sentence + reach + 1)
    return next((part[place] for place in (sentence, *around, TITLE) if place in part), None)
