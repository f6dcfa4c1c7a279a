"""Phrases as chains of words: every way to say what a rule listens for.

A phrase is written as slots: `was|were charged the? * twice`.  `a|b` is a choice, `?` makes a slot
optional, `*` is any one word, `$name` any entry of a list, `_` a blank within a choice.
"""

from collections.abc import Iterator, Sequence
from math import prod
from typing import Final, NamedTuple, TypeAlias, get_args

from domain.ruleset import Language, Rule, Ruleset, RulesetError
from domain.words import PUNCTUATION, words_of

_WIDEST: Final = 200_000  # ways to say one phrase; more is a slip
_LANGUAGES: Final[tuple[Language, ...]] = get_args(Language)
# "Server down" and "no" are said in every language.
_LENT: Final = ("high", "medium", "amplifier", "negation", "thanks")

_Slot: TypeAlias = list[tuple[str, ...]]  # the word sequences that may stand there; (): nothing


class Node:
    """A place in a phrase: what may follow, and which rule the phrase belongs to if it may end."""

    __slots__ = ("any", "following", "rule")

    def __init__(self) -> None:
        self.following: dict[str, list[Node]] = {}
        self.any: list[Node] = []
        self.rule = -1

    @property
    def goes_on(self) -> bool:
        """True if the phrase is longer than this."""
        return bool(self.following or self.any)

    def lead(self, words: tuple[str, ...], target: "Node") -> None:
        """Let `words` lead from here to `target`."""
        node = self
        for word in words[:-1]:
            between = Node()
            node._to(word).append(between)
            node = between
        node._to(words[-1]).append(target)

    def _to(self, word: str) -> list["Node"]:
        return self.any if word == "*" else self.following.setdefault(word, [])


class Phrase(NamedTuple):
    """A phrase of a rule, a place in `ruleset.rules`."""

    start: Node
    heard_in: frozenset[Language | None]  # languages of tickets; None: one that is not known


def phrases_of(ruleset: Ruleset, *, signs: bool = False) -> Iterator[Phrase]:
    """Yield the phrases of every rule but signs, or of signs alone, in their order.

    Raises:
        RulesetError: a phrase breaks the contract; the message names its rule.

    """
    for number, rule in enumerate(ruleset.rules):
        if (rule.effect == "sign") != signs:
            continue
        for language, phrases in rule.phrases.items():
            for phrase in phrases:
                try:
                    start = _chain(list(_slots(phrase, ruleset)), number)
                except ValueError as error:
                    raise RulesetError(f"rule {rule.name!r}: {phrase!r} {error}") from error
                yield Phrase(start, _heard_in(language, rule))


def _heard_in(language: Language, rule: Rule) -> frozenset[Language | None]:
    """Return the languages of tickets in which a phrase of `language` is understood."""
    everywhere = language == "any" or (language == "en" and rule.effect in _LENT)
    return frozenset((None, *(_LANGUAGES if everywhere else (language,))))


def _chain(slots: Sequence[_Slot], rule: int) -> Node:
    """Return the start of a chain of nodes, one behind each slot."""
    if prod(map(len, slots)) > _WIDEST:
        raise ValueError("can be said in too many ways")
    nodes = [Node() for _ in range(len(slots) + 1)]
    for place, node in enumerate(nodes):
        for reached in range(place, len(slots)):
            for words in filter(None, slots[reached]):
                node.lead(words, nodes[reached + 1])
            if () not in slots[reached]:
                break
        else:
            node.rule = rule
    if not PUNCTUATION.isdisjoint(nodes[0].following):
        raise ValueError("must begin with a word, not with a mark")
    return nodes[0]


def _slots(phrase: str, ruleset: Ruleset) -> Iterator[_Slot]:
    """Yield, slot by slot, the word sequences that may stand there."""
    for slot in phrase.split():
        name = slot.removesuffix("?")
        choices = list(dict.fromkeys(_choices(name, ruleset)))
        yield [*choices, ()] if slot.endswith("?") else choices


def _choices(slot: str, ruleset: Ruleset) -> Iterator[tuple[str, ...]]:
    """Yield each alternative of a slot in each of its spellings."""
    if slot == "*":
        yield (slot,)
        return
    for entry in _entries(slot, ruleset):
        if "?" in entry or "*" in entry:
            raise ValueError(f"has ? or * inside the choice {entry!r}")
        words = tuple(words_of(entry.replace("_", " ")))
        if not words:
            raise ValueError(f"has the empty alternative {entry!r}")
        yield words
        yield from _other_spellings(words, ruleset)


def _entries(slot: str, ruleset: Ruleset) -> Iterator[str]:
    """Yield the alternatives of a slot, those of its lists among them."""
    for entry in slot.split("|"):
        if entry.startswith("$"):
            yield from ruleset.lists[entry[1:]]
        else:
            yield entry


def _other_spellings(words: tuple[str, ...], ruleset: Ruleset) -> Iterator[tuple[str, ...]]:
    """Yield `words` with one word misspelt the usual way: "cant", "pls"."""
    for place, word in enumerate(words):
        others = [words_of(other) for other in ruleset.spellings.get(word, ())]
        if word.endswith("n't"):
            others.append([word.replace("'", "")])
        for other in others:
            yield (*words[:place], *other, *words[place + 1 :])
