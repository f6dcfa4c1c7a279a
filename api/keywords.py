"""Keywords inside MongoDB: which words a ticket's text holds, as `domain.keywords` finds them."""

from collections.abc import Iterable
from functools import cache
from typing import Any, Final

from domain.keywords import COMPOSITIONS, LONGEST, LOWER_CASES, SHORTEST

Expression = dict[str, Any]

_LETTER: Final = r"[\p{L}\p{M}]"
WORD: Final = rf"(?<!{_LETTER}){_LETTER}{{{SHORTEST},{LONGEST}}}(?!{_LETTER})"
_ACCENTS: Final = rf"[{''.join(sorted({two[1] for two in COMPOSITIONS}))}]"


@cache
def words_of(*fields: str) -> Expression:
    """The distinct words of these fields, stop words among them.

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
    found = {"$regexFindAll": {"input": "$$text", "regex": WORD}}
    last: Expression = {"$setUnion": [{"$map": {"input": found, "in": "$$this.match"}}]}
    steps = [_where(f"[{''.join(block)}]", _replaced(block)) for block in LOWER_CASES]
    steps.append(_where(_ACCENTS, _replaced(COMPOSITIONS)))
    for step in reversed(steps):
        last = _let(text=step, then=last)
    return _let(text=joined, then=last)


def _let(then: Expression, **variables: Expression) -> Expression:
    return {"$let": {"vars": variables, "in": then}}


def _where(regex: str, changed: Expression) -> Expression:
    return {"$cond": [{"$regexMatch": {"input": "$$text", "regex": regex}}, changed, "$$text"]}


def _replaced(pairs: dict[str, str]) -> Expression:
    both = [{"$split": [" ".join(side), " "]} for side in (pairs.keys(), pairs.values())]
    find, by = ({"$arrayElemAt": ["$$this", index]} for index in (0, 1))
    step = {"input": "$$value", "find": find, "replacement": by}
    return {
        "$reduce": {
            # Two strings: as many literals would take longer to parse than a day's tickets to read.
            "input": {"$zip": {"inputs": both}},
            "initialValue": "$$text",
            "in": {"$replaceAll": step},
        }
    }


def _between_spaces(fields: Iterable[str]) -> list[str]:
    texts: list[str] = []
    for field in fields:
        texts += [f"${field}", " "]
    return texts
