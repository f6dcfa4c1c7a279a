"""Phrases found in a text: every rule tried in one pass over its words.

While phrases are followed word by word a text stands at several places in them at once: many
begin alike, `*` is any word, and fillers may be passed over.  All the places together are one
`_State`, made when a text first gets there; from then on the next word costs one look-up.
"""

from collections.abc import Iterable
from itertools import compress, repeat
from operator import is_not
from typing import Final, TypeAlias, get_args

from domain.phrases import Node, Phrase, phrases_of
from domain.ruleset import Language, Ruleset
from domain.words import BREAK, PUNCTUATION, words_of

_SPARE: Final = 2  # fillers inside one phrase
_ANY_WORD: Final = " "  # a word that no phrase names
_MOST_STATES: Final = 50_000  # a few hundred bytes each

Found: TypeAlias = tuple[int, int, int]  # rule, first word, end word

# A place in a phrase, how many fillers may still be passed over, and whether a phrase may end
# here: never upon a filler.
_Place: TypeAlias = tuple[Node, int, bool]


class _State(dict[str, "_State | None"]):
    """Places in phrases, the preferred first, and where the telling words lead from them."""

    __slots__ = ("otherwise", "places", "rules")

    def __init__(self, places: Iterable[_Place]) -> None:
        self.places = tuple(places)
        ends = (node.rule for node, _, whole in self.places if whole and node.rule >= 0)
        self.rules = tuple(dict.fromkeys(ends))
        self.otherwise: _State | None = _UNKNOWN  # after any other word


# Stands for the next state where nobody has been yet, and for the state at a mark.
_UNKNOWN: Final[_State] = _State.__new__(_State)
_PAUSE: Final = _State(())
_AT_MARKS: Final = dict.fromkeys(PUNCTUATION, _UNKNOWN)


class PhraseSearch:
    """Every phrase of a ruleset but its signs, or those alone: they may stand in other phrases.

    A rule is known by its place in `ruleset.rules`.
    """

    def __init__(self, ruleset: Ruleset, *, signs: bool = False) -> None:
        self._rules_at_once = None if signs else 1  # one word may be a sign of several things
        self._first_places = _first_places(phrases_of(ruleset, signs=signs))
        fillers = (word for filler in ruleset.fillers for word in words_of(filler))
        self._at_fillers = dict.fromkeys(fillers, _UNKNOWN)
        self._states: dict[tuple[_Place, ...], _State] = {}
        self._openers: dict[Language | None, dict[str, _State]] = {}

    def find(
        self, words: list[str], language: Language | None = None
    ) -> tuple[list[Found], list[int]]:
        """Return the phrases, left to right, the longest first, no overlaps; and the marks.

        Signs come without marks.
        Only phrases that a ticket in `language` may use; all of them if it is not known.

        The marks are the places of all punctuation, also of that within a phrase.
        """
        if len(self._states) > _MOST_STATES:
            self._states.clear()
            self._openers.clear()
        found: list[Found] = []
        marks: list[int] = []
        if language not in self._openers:
            self._openers[language] = self._first_states(language)
        openers = list(map(self._openers[language].get, words))
        begun = compress(enumerate(openers), map(is_not, openers, repeat(None)))
        words = [*words, BREAK]  # no phrase reaches beyond the end
        end = 0
        for at, state in begun:
            if state is _PAUSE:
                marks.append(at)
            elif state is not None and at >= end:
                after = state.get(words[at + 1], state.otherwise)
                if after is not None or state.rules:
                    rules, reached = self._longest(state, words, at + 1)
                    if rules:
                        end = reached
                        found += [(rule, at, end) for rule in rules[: self._rules_at_once]]
        return found, marks

    def _longest(self, state: _State, words: list[str], at: int) -> tuple[tuple[int, ...], int]:
        """Return the rules of the longest phrase, and its end.  `at`: the next word."""
        rules, end = state.rules, at
        while True:
            after = state.get(words[at], state.otherwise)
            if after is _UNKNOWN:
                after = self._learn(state, words[at])
            if after is None:
                return rules, end
            state = after
            at += 1
            if state.rules:
                rules, end = state.rules, at

    def _first_states(self, language: Language | None) -> dict[str, _State]:
        """Return the states of marks and of the words that phrases begin with."""
        words = self._first_places[language].items()
        marks = dict.fromkeys(PUNCTUATION, _PAUSE) if self._rules_at_once else {}
        return marks | {word: _State(each) for word, each in words}

    def _learn(self, state: _State, word: str) -> _State | None:
        """Return, and keep, where `word` leads; list the telling words on the first visit."""
        if state.otherwise is _UNKNOWN:
            for node, spare, _ in state.places:
                state.update(dict.fromkeys(node.following, _UNKNOWN))
                if spare and node.goes_on:
                    state.update(self._at_fillers)
                if node.any:
                    state.update(_AT_MARKS)
            state.otherwise = self._after(state.places, _ANY_WORD)
        if word not in state:
            return state.otherwise
        after = state[word] = self._after(state.places, word)
        return after

    def _after(self, places: tuple[_Place, ...], word: str) -> _State | None:
        """Return the state that `word` leads to; what a phrase itself says is preferred."""
        after: dict[_Place, None] = {}
        for node, spare, _ in places:
            for said in node.following.get(word, ()):
                after[said, spare, True] = None
        for node, spare, _ in places:
            for other in node.any if word not in PUNCTUATION else ():
                after[other, spare, True] = None
            if spare and node.goes_on and word in self._at_fillers:
                after[node, spare - 1, False] = None
        return self._state(after) if after else None

    def _state(self, places: Iterable[_Place]) -> _State:
        key = tuple(places)
        if key not in self._states:
            self._states[key] = _State(key)
        return self._states[key]


def _first_places(
    phrases: Iterable[Phrase],
) -> dict[Language | None, dict[str, tuple[_Place, ...]]]:
    """Return where each first word leads, by the language of the ticket."""
    places: dict[Language | None, dict[str, list[_Place]]] = {
        language: {} for language in (*get_args(Language), None)
    }
    for phrase in phrases:
        for language in phrase.heard_in:
            for word, nodes in phrase.start.following.items():
                reached = places[language].setdefault(word, [])
                reached += [(node, _SPARE, True) for node in nodes]
    return {
        language: {word: tuple(dict.fromkeys(each)) for word, each in words.items()}
        for language, words in places.items()
    }
