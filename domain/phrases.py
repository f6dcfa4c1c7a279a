"""Phrases as a trie of words: every way to say what a rule listens for.

A phrase is written as slots: `was|were charged the? * twice`.  `a|b` is a choice, `?` makes a slot
optional, `*` is any one word, `$name` any entry of a list, `_` a blank within a choice.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from domain.ruleset import Ruleset, RulesetError
from domain.words import PUNCTUATION, words_of

_WIDEST: Final = 20_000  # ways to say one phrase


class Node:
    """A place in the trie: what may follow, and which rule ends here (-1: none)."""

    __slots__ = ("any", "following", "rule")

    def __init__(self) -> None:
        self.following: dict[str, Node] = {}
        self.any: Node | None = None
        self.rule = -1

    @property
    def goes_on(self) -> bool:
        """True if a phrase is longer than this."""
        return bool(self.following) or self.any is not None

    def child(self, word: str) -> "Node":
        """Return the node after `word`, made if needed."""
        if word == "*":
            self.any = self.any or Node()
            return self.any
        return self.following.setdefault(word, Node())


def phrase_trie(ruleset: Ruleset) -> Node:
    """Return the root of a trie of every phrase; a rule is its place in `ruleset.rules`.

    Raises:
        RulesetError: a phrase breaks the contract; the message names its rule.

    """
    root = Node()
    for number, rule in enumerate(ruleset.rules):
        for phrase in rule.all_phrases():
            try:
                _insert(root, _slots(phrase, ruleset), number)
                _begin_with_words(root)
            except ValueError as error:
                raise RulesetError(f"rule {rule.name!r}: {phrase!r} {error}") from error
    return root


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


def _begin_with_words(root: Node) -> None:
    if not PUNCTUATION.isdisjoint(root.following):
        raise ValueError("must begin with a word, not with a mark")


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
