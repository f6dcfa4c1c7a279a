"""Phrases found in a text: every rule tried in one pass over its words.

While a phrase is followed word by word it may stand at several places of the trie at once, since
`*` is any word and fillers may be passed over.  All the places together are one `_State`, made
when a text first gets there; from then on a word costs one look-up.
"""

from collections.abc import Iterator
from typing import Final, TypeAlias

from domain.phrases import Node, phrase_trie
from domain.ruleset import Ruleset
from domain.words import BREAK, UNREADABLE, words_of

PUNCTUATION: Final = frozenset('.!?;:,()[]{}"“”„«»–—-¿¡\n') | {"...", UNREADABLE}
MARK: Final = -1  # the rule of a mark of punctuation
_NONE: Final = -1
_SPARE: Final = 2  # fillers inside one phrase
_MOST_STATES: Final = 100_000  # about 40 MB
_ANY_WORD: Final = " "  # a word that no phrase names

# A place in the trie, how many fillers may still be passed over, and whether a phrase may end
# here: never upon a filler.
_Place: TypeAlias = tuple[Node, int, bool]


class _State:
    """Places in the trie, the preferred first, and where each word leads from them."""

    __slots__ = ("otherwise", "places", "rule", "ways")

    def __init__(self, places: tuple[_Place, ...]) -> None:
        self.places = places
        ends = (node.rule for node, _, whole in places if whole and node.rule >= 0)
        self.rule = next(ends, _NONE)
        self.ways: dict[str, _State | None] | None = None  # by word; made when needed
        self.otherwise: _State | None = None  # after a word that is not among the ways


class PhraseSearch:
    """Every phrase of a ruleset.  A rule is known by its place in `ruleset.rules`."""

    def __init__(self, ruleset: Ruleset) -> None:
        self._trie = phrase_trie(ruleset)
        self._fillers = frozenset(word for filler in ruleset.fillers for word in words_of(filler))
        self._states: dict[tuple[_Place, ...], _State] = {}
        self._openers: dict[str, _State] = {}
        self._forget()

    def find(self, words: list[str]) -> Iterator[tuple[int, int, int]]:
        """Yield (rule, first word, end word), left to right, the longest first, no overlaps.

        Every mark of punctuation is yielded as rule `MARK`, also within a phrase.
        """
        if len(self._states) > _MOST_STATES:
            self._forget()
        openers = map(self._openers.get, words)
        words = [*words, BREAK]  # no phrase reaches beyond the end
        free = 0
        for at, opener in enumerate(openers):
            if opener is None:
                continue
            if at >= free:
                end, rule = self._longest(opener, words, at + 1)
                if rule >= 0:
                    yield rule, at, end
                    free = end
            if words[at] in PUNCTUATION:
                yield MARK, at, at + 1

    def _longest(self, state: _State, words: list[str], at: int) -> tuple[int, int]:
        """Return (end, rule) of the longest phrase; rule -1: none ends.  `at`: the next word."""
        end, rule = at, state.rule
        while True:
            ways = state.ways
            if ways is None:
                ways = self._open_ways(state)
            after = ways.get(words[at], state.otherwise)
            if after is None:
                return end, rule
            state = after
            at += 1
            if state.rule >= 0:
                end, rule = at, state.rule

    def _forget(self) -> None:
        """Begin with no states but the first words of phrases, and the marks."""
        self._states = {}
        self._openers = {mark: _State(()) for mark in PUNCTUATION}
        for word, node in self._trie.following.items():
            self._openers[word] = _State(((node, _SPARE, True),))

    def _open_ways(self, state: _State) -> dict[str, _State | None]:
        """Work out, once, where each word leads that leads somewhere of its own."""
        going = [place for place in state.places if place[0].goes_on]
        telling = {word for node, _, _ in going for word in node.following}
        if any(spare for _, spare, _ in going):
            telling |= self._fillers
        if any(node.any for node, _, _ in going):
            telling |= PUNCTUATION
        state.otherwise = self._after(going, _ANY_WORD)
        state.ways = {word: self._after(going, word) for word in telling}
        return state.ways

    def _after(self, places: list[_Place], word: str) -> _State | None:
        """Return the state that `word` leads to; what a phrase itself says is preferred."""
        after: dict[_Place, None] = {}
        for node, spare, _ in places:
            if word in node.following:
                after[node.following[word], spare, True] = None
            if node.any is not None and word not in PUNCTUATION:
                after[node.any, spare, True] = None
            if spare and word in self._fillers:
                after[node, spare - 1, False] = None
        if not after:
            return None
        key = tuple(after)
        return self._states.get(key) or self._states.setdefault(key, _State(key))
