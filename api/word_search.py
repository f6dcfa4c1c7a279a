"""Words looked for in tickets: what a caller's text asks for, and the query that finds it.

A word is a run of letters, digits and the accents on them; whatever else stands in the text
separates words, in the question as in the ticket.  All words must occur, each as a whole word, in
the subject or in the message.  Case does not matter.  Accents do, for `año` is no `ano`; whether a
letter and its accent are one character or two (Unicode's NFC and NFD) does not.
"""

import unicodedata
from itertools import groupby
from typing import Final

from infra.mongo import Document

MOST_WORDS: Final = 10
_FIELDS: Final = ("subject", "message")
_INSIDE: Final = r"[\p{L}\p{M}\p{N}]"


def words_asked(text: str) -> list[str]:
    """The different words of a question, in order, composed.

    Raises:
        ValueError: it holds none, or more than `MOST_WORDS`.
    """
    composed = unicodedata.normalize("NFC", text)
    runs = groupby(composed, key=_is_inside)
    words = list(dict.fromkeys("".join(run) for is_word, run in runs if is_word))
    if not words:
        raise ValueError("holds no word")
    if len(words) > MOST_WORDS:
        raise ValueError(f"holds more than {MOST_WORDS} words")
    return words


def holding(words: list[str]) -> Document:
    """The query for tickets that hold all of these words."""
    return {"$and": [{"$or": [{field: _whole(word)} for field in _FIELDS]} for word in words]}


def _whole(word: str) -> Document:
    """A condition on a text: `word` begins and ends where a word does.

    The first letter is matched before what stands in front of it is looked at: nearly twice as
    fast as the other way round.
    """
    first, *rest = map(_spellings, word)
    begin = "|".join(f"{letter}(?<!{_INSIDE}{letter})" for letter in first)
    letters = "".join(f"(?:{'|'.join(spellings)})" for spellings in rest)
    return {"$regex": f"(?:{begin}){letters}(?!{_INSIDE})", "$options": "i"}


def _spellings(letter: str) -> list[str]:
    """The ways to write a letter: with its accents as one character, and as several."""
    return list(dict.fromkeys((letter, unicodedata.normalize("NFD", letter))))


def _is_inside(character: str) -> bool:
    return unicodedata.category(character)[0] in "LMN"
