"""Text as words: what counts as one, and how it is folded for comparison."""

import re
import unicodedata
from functools import lru_cache
from typing import Final

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
_WORD: Final = re.compile(
    rf"[Hh][Tt][Tt][Pp][Ss]?://\S++"
    rf"|(?:[Qq][Uu]|[CDJLMNSTcdjlmnst])[{_QUOTES}](?=[^\W\d_])"
    rf"|[^\W_ʼ]++(?:(?!{_CLITIC})[{_QUOTES}{_MARKS}{_HIDDEN}_@]++[^\W_ʼ]++)*+"
    rf"[{_MARKS}{_HIDDEN}]*+"
    rf"|{_CLITIC}"
    rf"|:-?[()]|[{_FACES}]"
    rf"|\n(?=[^\S\n]*+\n)|-(?=\s)"
    rf'|[.!?;:,()\[\]{{}}"“”„«»…–—¿¡\x00\ud800-\udfff]'
)
_LONGEST: Final = 64  # characters of a word worth comparing; bounds the cost of folding
_OVERLONG: Final = "\ufffd"
UNREADABLE: Final = "\x00"  # what a lone surrogate reads as: no phrase reaches across it
_FOLDING: Final = str.maketrans(dict.fromkeys(_QUOTES, "'"))
_DROPPED: Final = re.compile(f"[{_MARKS}{_HIDDEN}]+")


class Words:
    """The words and punctuation marks of a text, in order: folded, and where they stand."""

    __slots__ = ("_as_written", "_searched", "_text", "folded")

    def __init__(self, text: str) -> None:
        self._text = text
        if text.isascii():
            self._searched = text.lower()
            self.folded = self._as_written = _WORD.findall(self._searched)
            return
        self._searched = text
        self._as_written = _WORD.findall(text)
        self.folded = [
            word.lower() if word.isascii() else _folded(word) for word in self._as_written
        ]

    def passages(self, spans: list[tuple[int, int]], longest: int) -> list[str]:
        """Return the text of each span (first word, end word), cut to `longest` characters."""
        places = self._places(max((end for _, end in spans), default=0))
        return [
            self._text[places[first][0] : min(places[end - 1][1], places[first][0] + longest)]
            for first, end in spans
        ]

    def _places(self, count: int) -> list[tuple[int, int]]:
        """Return start and end of the first `count` words.

        Between words stand only characters that are none (or a dash or line break, which no
        evidence begins with), so each word is at its next occurrence.
        """
        places = []
        end = 0
        find = self._searched.find
        for word in self._as_written[:count]:
            start = find(word, end)
            end = start + len(word)
            places.append((start, end))
        return places


def words_of(text: str) -> list[str]:
    """Return the folded words of a phrase."""
    return Words(text).folded


@lru_cache(maxsize=8192)
def _folded(word: str) -> str:
    """Return `word` without case, accents, hidden characters and typographic quotes."""
    if len(word) > _LONGEST:
        return _OVERLONG
    if "\ud800" <= word <= "\udfff":
        return UNREADABLE
    plain = unicodedata.normalize("NFKD", word.translate(_FOLDING)).casefold()
    return _DROPPED.sub("", plain)
