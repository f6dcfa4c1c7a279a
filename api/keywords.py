"""Keywords inside MongoDB: which words a ticket's text holds, each once, in lower case."""

import tomllib
import unicodedata
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, Final

Expression = dict[str, Any]

WORD: Final = r"[\p{L}\p{M}]{3,}"
_STOP_WORDS: Final = Path(__file__).with_name("stop_words.toml")
_LETTERS: Final = [chr(code) for code in range(0xC0, 0x180) if chr(code).isalpha()]
_UPPER: Final = [
    letter for letter in _LETTERS if letter != letter.lower() and len(letter.lower()) == 1
]
_ACCENTS: Final = r"\p{M}"


@cache
def stop_words() -> list[str]:
    """The words that no ranking shows, in lower case, sorted."""
    lists = tomllib.loads(_STOP_WORDS.read_text(encoding="utf-8"))
    return sorted({word for words in lists.values() for word in words.split()})


def words_of(*fields: str) -> Expression:
    """The distinct words of these fields.

    The server's lower case knows ASCII alone, so other letters are replaced one by one, where a
    text has any.  The pieces between spaces are made distinct first: matching counts characters
    from the start for every word, and long messages repeat themselves.
    """
    text = {"$toLower": {"$concat": _between_spaces(fields)}}
    pieces = {"$setUnion": [{"$split": [text, " "]}]}
    joined = {
        "$reduce": {
            "input": pieces,
            "initialValue": "",
            "in": {"$concat": ["$$value", " ", "$$this"]},
        }
    }
    composed = _where(_ACCENTS, "$$joined", _replaced("$$joined", _compositions()))
    lower = _where(f"[{''.join(_UPPER)}]", "$$text", _replaced("$$text", _lower_cases()))
    found = {"$regexFindAll": {"input": "$$plain", "regex": WORD}}
    words = {"$setUnion": [{"$map": {"input": found, "in": "$$this.match"}}]}
    return _let(joined=joined, then=_let(text=composed, then=_let(plain=lower, then=words)))


def _let(then: Expression, **variables: Expression) -> Expression:
    return {"$let": {"vars": variables, "in": then}}


def _where(regex: str, text: str, changed: Expression) -> Expression:
    return {"$cond": [{"$regexMatch": {"input": text, "regex": regex}}, changed, text]}


def _replaced(text: str, pairs: Iterable[tuple[str, str]]) -> Expression:
    step = {"input": "$$value", "find": "$$this.find", "replacement": "$$this.by"}
    return {
        "$reduce": {
            "input": [{"find": find, "by": replacement} for find, replacement in pairs],
            "initialValue": text,
            "in": {"$replaceAll": step},
        }
    }


def _lower_cases() -> list[tuple[str, str]]:
    return [(letter, letter.lower()) for letter in _UPPER]


def _compositions() -> list[tuple[str, str]]:
    """A letter and a combining accent, and the one letter that both are."""
    lower = {letter.lower() for letter in _UPPER}
    pairs = [(unicodedata.normalize("NFD", letter), letter) for letter in sorted(lower)]
    return [(apart, letter) for apart, letter in pairs if len(apart) == 2]


def _between_spaces(fields: Iterable[str]) -> list[str]:
    texts: list[str] = []
    for field in fields:
        texts += [f"${field}", " "]
    return texts
