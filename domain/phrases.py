"""Phrases as a trie of words, so that one pass over a ticket tries all rules at once.

A phrase is written as slots: `was|were charged the? * twice`.  `a|b` is a choice, `?` makes a slot
optional, `*` is any one word, `$name` any entry of a list, `_` a blank within a choice.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from domain.ruleset import Ruleset, RulesetError
from domain.words import UNREADABLE, words_of

PUNCTUATION: Final = frozenset('.!?;:,()[]{}"“”„«»–—-¿¡\n') | {"...", UNREADABLE}
MARK: Final = -1  # the rule of a mark of punctuation
_WIDEST: Final = 20_000  # ways to say one phrase
_SPARE: Final = 2  # fillers inside one phrase


class Node:
    """A place in the trie: what may follow, and which rule ends here (-1: none)."""

    __slots__ = ("any", "following", "rule", "seconds")

    def __init__(self) -> None:
        self.following: dict[str, Node] = {}
        self.any: Node | None = None
        self.rule = -1
        self.seconds: frozenset[str] | None = None  # what must follow a first word; None: nothing

    def child(self, word: str) -> "Node":
        """Return the node after `word`, made if needed."""
        if word == "*":
            self.any = self.any or Node()
            return self.any
        return self.following.setdefault(word, Node())


_NOTHING_BEGINS: Final = Node()
_NOTHING_BEGINS.seconds = frozenset()


def _longer(one: tuple[int, int], other: tuple[int, int]) -> tuple[int, int]:
    """Return the longer of two findings, if it is one."""
    if other[1] < 0 or (one[1] >= 0 and other[0] <= one[0]):
        return one
    return other


class PhraseTrie:
    """Every phrase of a ruleset.  A rule is known by its place in `ruleset.rules`."""

    def __init__(self, ruleset: Ruleset) -> None:
        root = Node()
        for number, rule in enumerate(ruleset.rules):
            for phrase in rule.all_phrases():
                try:
                    _insert(root, _slots(phrase, ruleset), number)
                except ValueError as error:
                    raise RulesetError(f"rule {rule.name!r}: {phrase!r} {error}") from error
        self._first = root.following
        self._fillers = frozenset(word for filler in ruleset.fillers for word in words_of(filler))
        for node in self._first.values():
            if node.rule < 0 and node.any is None:
                node.seconds = self._fillers.union(node.following)
        for mark in PUNCTUATION:
            self._first.setdefault(mark, _NOTHING_BEGINS)

    def find(self, words: list[str]) -> Iterator[tuple[int, int, int]]:
        """Yield (rule, first word, end word), left to right, the longest first, no overlaps.

        Every mark of punctuation is yielded as rule `MARK`, also within a phrase.
        """
        following = [*words[1:], ""]
        free = 0
        for at, node in enumerate(map(self._first.get, words)):
            if node is None:
                continue
            if at >= free and (node.seconds is None or following[at] in node.seconds):
                end, rule = self._longest(node, words, at + 1, _SPARE)
                if rule >= 0:
                    yield rule, at, end
                    free = end
            if words[at] in PUNCTUATION:
                yield MARK, at, at + 1

    def _longest(self, node: Node, words: list[str], at: int, spare: int) -> tuple[int, int]:
        """Return (end, rule) of the longest phrase through `node`; rule -1: none ends.

        `at` is the index of the next word, `spare` how many fillers may still be passed over.
        """
        best = (at, node.rule)
        if at == len(words) or not (node.following or node.any):
            return best
        word = words[at]
        after = node.following.get(word)
        if after is not None:
            best = _longer(best, self._longest(after, words, at + 1, spare))
        if node.any is not None and word not in PUNCTUATION:
            best = _longer(best, self._longest(node.any, words, at + 1, spare))
        if spare and word in self._fillers:
            passed = self._longest(node, words, at + 1, spare - 1)
            if passed[0] > at + 1:
                best = _longer(best, passed)
        return best


def _insert(root: Node, slots: Iterable[list[tuple[str, ...]]], rule: int) -> None:
    """Add every way to fill `slots`.  A phrase that another rule has already stays there."""
    ends = [root]
    for choices in slots:
        ends = list(dict.fromkeys(_walk(node, way) for node in ends for way in choices))
        if len(ends) > _WIDEST:
            raise ValueError("can be said in too many ways")
    for node in ends:
        if node.rule < 0:
            node.rule = rule


def _walk(node: Node, words: tuple[str, ...]) -> Node:
    """Return the node after `words`."""
    for word in words:
        node = node.child(word)
    return node


def _slots(phrase: str, ruleset: Ruleset) -> Iterator[list[tuple[str, ...]]]:
    """Yield, slot by slot, the word sequences that may stand there."""
    for slot in phrase.split():
        name = slot.removesuffix("?")
        choices = list(_choices(name, ruleset))
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
