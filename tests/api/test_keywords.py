"""MongoDB finds the very words that are summed up here: ranges are added up from both."""

import random
import unicodedata
from typing import Any

import pytest

from api.keywords import words_of
from domain import keywords
from domain.keywords import COMPOSITIONS, LOWER_CASES
from domain.stop_words import STOP_WORDS
from infra.mongo import Mongo

pytestmark = pytest.mark.services

SEPARATORS = " \t\n.,!?'’\"-_/()0123456789½²\u00a0\u2003…€🙂"
# Letters that came into Unicode after the tables of some server are no words to it yet.
SCRIPTS = [
    *("LATIN", "GREEK", "CYRILLIC", "ARMENIAN", "HEBREW", "ARABIC", "DEVANAGARI", "BENGALI"),
    *("THAI", "HANGUL", "HIRAGANA", "KATAKANA", "CJK UNIFIED IDEOGRAPH-4", "GEORGIAN LETTER"),
]


def letters() -> list[str]:
    """Every letter and mark of the scripts that tickets are written in."""
    some = [chr(code) for code in range(0xFFFF) if not 0xD800 <= code <= 0xDFFF]
    known = [c for c in some if unicodedata.ucd_3_2_0.category(c)[0] in "LM"]
    named = [c for c in known if unicodedata.name(c, "").startswith(tuple(SCRIPTS))]
    marks = sorted({two[1] for two in COMPOSITIONS})
    return named + marks * 20 + [big for block in LOWER_CASES for big in block] * 3


def text(rng: random.Random, alphabet: list[str], length: int) -> str:
    """Words, some of a few letters and some of many, between separators of all kinds."""
    parts = []
    for _ in range(length):
        script = rng.randrange(len(alphabet) - 40)
        near = alphabet[script : script + 40] if rng.random() < 0.7 else alphabet
        parts.append("".join(rng.choices(near, k=rng.choice([1, 2, 3, 4, 7, 47, 48, 49, 60]))))
        parts.append("".join(rng.choices(SEPARATORS, k=rng.randrange(1, 3))))
    return "".join(parts)


async def test_both_find_the_same_words(mongo: Mongo) -> None:
    rng, alphabet = random.Random(3), letters()
    ascii_letters = [chr(c) for c in range(65, 123) if chr(c).isalpha()] * 2
    rows: list[dict[str, Any]] = [
        {
            "_id": number,
            "subject": text(rng, ascii_letters, 3),
            "message": text(rng, alphabet if number % 3 else ascii_letters, 12),
        }
        for number in range(600)
    ]
    # Each letter alone, so that none is missed by chance.
    rows += [
        {"_id": 1_000 + n, "subject": "".join(alphabet[n : n + 30]), "message": ""}
        for n in range(0, len(alphabet), 30)
    ]
    await mongo["texts"].insert_many(rows)
    stages = [{"$project": {"words": words_of("subject", "message")}}]

    found = {d["_id"]: set(d["words"]) async for d in mongo["texts"].aggregate(stages)}

    for row in rows:
        words = set(keywords.words_of(row["subject"], row["message"]))
        assert found[row["_id"]] - STOP_WORDS == words, row
    assert sum(map(len, found.values())) > 3_000
