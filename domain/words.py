"""Text as words: what counts as one, and how it is folded for comparison."""

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate, chain, islice
from typing import Final, TypeAlias

# Characters inside a word.  Quotation marks of every make serve as apostrophes; zero-width
# characters and combining marks never end a word.
_QUOTES: Final = "'’‘ʼ′＇"
_MARKS: Final = "\u0300-\u036f"
_HIDDEN: Final = "\u00ad\u200b-\u200d\u2060\ufeff"
_FACES: Final = (
    "\u2639\u263a\u2764\U0001f44d\U0001f44e\U0001f494\U0001f600-\U0001f64f\U0001f92c\U0001f973"
)

# What English hangs on a word counts as a word: "site's" is "site", "'s".
_CLITIC: Final = rf"[{_QUOTES}](?:[DMSdms]|[Ll][Ll]|[Rr][Ee]|[Vv][Ee])(?!\w)"

# Possessive quantifiers and disjoint classes: the time is linear, whatever the text.
# Only a dash asks what white space follows, so a piece between spaces can be read by itself.
_WORD: Final = re.compile(
    rf"[Hh][Tt][Tt][Pp][Ss]?://\S++"
    rf"|(?:[Qq][Uu]|[CDJLMNSTcdjlmnst])[{_QUOTES}](?=[^\W\d_])"
    rf"|[^\W_ʼ]++(?:(?!{_CLITIC})[{_QUOTES}{_MARKS}{_HIDDEN}_@]++[^\W_ʼ]++)*+"
    rf"[{_MARKS}{_HIDDEN}]*+"
    rf"|{_CLITIC}"
    rf"|:-?[()]|[{_FACES}]"
    rf"|-(?=\s)"
    rf'|[.!?;:,()\[\]{{}}"“”„«»…–—¿¡\x00\ud800-\udfff]'
)
BREAK: Final = "\n"  # the mark that a blank line reads as
_BLANK_LINE: Final = re.compile(r"\n(?=[^\S\n]*+\n)")
_LONGEST: Final = 64  # characters of a word worth comparing; bounds the cost of folding
_OVERLONG: Final = "\ufffd"
UNREADABLE: Final = "\x00"  # what a lone surrogate reads as: no phrase reaches across it
PUNCTUATION: Final = frozenset('.!?;:,()[]{}"“”„«»–—-¿¡\n') | {"...", UNREADABLE}
_FOLDING: Final = str.maketrans(dict.fromkeys(_QUOTES, "'"))
_DROPPED: Final = re.compile(f"[{_MARKS}{_HIDDEN}]+")

_Group: TypeAlias = tuple[str, ...]  # the words of one piece of text between white space


class Words:
    """The words and punctuation marks of a text, in order: folded, and where they stand."""

    __slots__ = ("_begins", "_paragraphs", "_text", "folded")

    def __init__(self, text: str) -> None:
        self._text = text
        self._paragraphs: list[tuple[str, list[_Group]]] = []
        self._begins: list[int] = []  # the first word of each
        self.folded: list[str] = []
        if text.endswith("-"):
            text += "_"  # white space makes a dash a mark, the end of the text does not
        for paragraph in _BLANK_LINE.split(text.lower() if text.isascii() else text):
            groups = list(map(_GROUPS.__getitem__, paragraph.split()))
            self._begins.append(len(self.folded))
            self._paragraphs.append((paragraph, groups))
            self.folded += chain.from_iterable(groups)
            self.folded.append(BREAK)
        self.folded.pop()

    def passages(self, spans: list[tuple[int, int]], longest: int) -> list[str]:
        """Return the text of each span (first word, end word), cut to `longest` characters.

        No span reaches across a blank line.
        """
        starts = dict(self._starts(sorted({first for first, _ in spans})))
        passages = []
        for first, end in spans:
            place, before = starts[first]
            words = list(islice(_WORD.finditer(self._text, place), before, before + end - first))
            start = words[0].start()
            passages.append(self._text[start : min(words[-1].end(), start + longest)])
        return passages

    def _starts(self, firsts: list[int]) -> Iterator[tuple[int, tuple[int, int]]]:
        """Yield each word, a place in the text, and how many words stand between the two."""
        here = -1
        behind = 0  # where the text behind the paragraph begins
        for first in firsts:
            number = bisect_right(self._begins, first) - 1
            if number != here:
                behind += sum(len(text) + 1 for text, _ in self._paragraphs[here + 1 : number + 1])
                rest, groups = self._paragraphs[number]
                ends = list(accumulate(map(len, groups), initial=self._begins[number]))
                here, passed = number, 0
            piece = bisect_right(ends, first) - 1
            if piece > passed:
                rest = rest.split(None, piece - passed)[-1]
                passed = piece
            yield first, (behind - 1 - len(rest), first - ends[piece])


def words_of(text: str) -> list[str]:
    """Return the folded words of a phrase."""
    return Words(text).folded


class _Groups(dict[str, _Group]):
    """How pieces of text read, remembered: the words of a language come again and again."""

    _CAPACITY: Final = 20_000
    _LONGEST: Final = 16  # characters of a piece that is likely to come again

    def __missing__(self, piece: str) -> _Group:
        group = _read(piece)
        if len(piece) <= self._LONGEST:
            if len(self) >= self._CAPACITY:
                self.clear()
            self[piece] = group
        return group


_GROUPS: Final = _Groups()


def _read(piece: str) -> _Group:
    """Return the folded words of a piece of text that white space follows."""
    if piece.isascii():
        piece = piece.lower()
        if piece.isalnum():
            return (piece,)
        return tuple(_WORD.findall(piece if piece[-1] != "-" else f"{piece} "))
    return tuple(map(_folded, _WORD.findall(f"{piece} ")))


def _folded(word: str) -> str:
    """Return `word` without case, accents, hidden characters and typographic quotes."""
    if word.isascii():
        return word.lower()
    if len(word) > _LONGEST:
        return _OVERLONG
    if "\ud800" <= word <= "\udfff":
        return UNREADABLE
    plain = unicodedata.normalize("NFKD", word.translate(_FOLDING)).casefold()
    return _DROPPED.sub("", plain)
