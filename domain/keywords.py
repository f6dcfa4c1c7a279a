"""Keywords: the words of a ticket's text that say something, each once, in lower case.

What is summed up here is added to what MongoDB finds in other tickets (`api.keywords`), so both
must find the same.  The server's lower case knows ASCII alone and it composes no accents, hence
both go by the tables below, and not by all that Unicode has to say.
"""

import re
import unicodedata
from typing import Final

from domain.stop_words import STOP_WORDS

SHORTEST: Final = 3
LONGEST: Final = 48  # what is longer is no word, and nothing that a count should keep

_BLOCKS: Final = (
    range(0x00C0, 0x0180),  # Latin of western and central Europe
    range(0x0180, 0x0250),
    range(0x0370, 0x0530),  # Greek, Cyrillic
    range(0x1E00, 0x2000),  # Vietnamese, polytonic Greek
)


def _pairs(block: range) -> dict[str, str]:
    letters = [chr(code) for code in block if chr(code).isalpha()]
    small = {letter: letter.lower() for letter in letters}
    return {big: one for big, one in small.items() if one != big and len(one) == 1}


# Block by block, as most texts have letters of at most one.
LOWER_CASES: Final[tuple[dict[str, str], ...]] = tuple(map(_pairs, _BLOCKS))


def _compositions() -> dict[str, str]:
    apart: dict[str, str] = {}
    for letter in (chr(code) for block in _BLOCKS for code in block):
        parts = unicodedata.decomposition(letter).split()
        if len(parts) == 2 and parts[0][0] != "<" and letter.islower():
            apart["".join(chr(int(part, 16)) for part in parts)] = letter
    # A letter with two accents is made of one with one.
    whole = sorted(apart, key=lambda two: (len(unicodedata.normalize("NFD", two)), two))
    return {two: apart[two] for two in whole}


# A small letter and an accent behind it, and the one letter that both are; in the order to replace.
COMPOSITIONS: Final = _compositions()

_PLAIN: Final = bytes(
    code | 0x20 if chr(code).isalpha() and code < 128 else 0x20 for code in range(256)
)


class _Folded(dict[int, str]):
    r"""Every character of `[\p{L}\p{M}]` in lower case, and a space for all others; as met."""

    def __missing__(self, code: int) -> str:
        letter = chr(code)
        folded = letter if unicodedata.category(letter)[0] in "LM" else " "
        self[code] = folded
        return folded


_FOLDED: Final = _Folded(
    {ord(big): small for block in LOWER_CASES for big, small in block.items()}
    | {code: chr(byte) for code, byte in enumerate(_PLAIN[:128])}
)
_ACCENTS: Final = re.compile(f"[{''.join(sorted({two[1] for two in COMPOSITIONS}))}]")


def words_of(subject: str, message: str) -> list[str]:
    """The words of 3 to 48 letters in either text, each once, without stop words."""
    text = f"{subject} {message}"
    if text.isascii():
        found = text.encode().translate(_PLAIN).decode()
    else:
        found = text.translate(_FOLDED)
        if _ACCENTS.search(found):
            for apart, letter in COMPOSITIONS.items():
                found = found.replace(apart, letter)
    shortest, longest = SHORTEST, LONGEST
    return [word for word in set(found.split()) - STOP_WORDS if shortest <= len(word) <= longest]
