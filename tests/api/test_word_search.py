"""`q`: all words, whole, in subject or message, whatever else stands in the question."""

import unicodedata
from typing import Any

import httpx
import pytest

from api.word_search import words_asked
from infra import collections
from infra.mongo import Mongo
from tests.api.documents import store, ticket

WORD_SETS = {
    "charged twice": ["charged", "twice"],
    '"charged twice" -refund': ["charged", "twice", "refund"],
    "  e-mail:e-mail ": ["e", "mail"],
    ".* (a|b) $where {x: 1} \\d": ["a", "b", "where", "x", "1", "d"],
    "T_1001": ["T", "1001"],
    "cafe\u0301": ["café"],
    "Привет, 東京!": ["Привет", "東京"],
}


@pytest.mark.parametrize("text", WORD_SETS)
def test_what_a_question_asks_for(text: str) -> None:
    assert words_asked(text) == WORD_SETS[text]


FOUND: list[tuple[str, str, str]] = [
    ("refund", "Refund, please", ""),
    ("refund", "", "I want my money back.\nREFUND!"),
    ("please refund", "Refund", "as soon as possible, please"),
    ('"refund" -please', "Refund, please", ""),
    ("o'brien", "O’Brien writes", ""),
    ("mail", "e-mail", ""),
    ("1001", "about T-1001.", ""),
    ("école", "ÉCOLE", ""),
    ("école", unicodedata.normalize("NFD", "École fermée"), ""),
    ("ECOLE\u0301", "ecolé", ""),
    ("привет", "ПРИВЕТ!", ""),
    ("ệ", unicodedata.normalize("NFD", "Ệ"), ""),
    ("a.b", "b or a", ""),
]
MISSED: list[tuple[str, str, str]] = [
    ("fund", "Refund", ""),
    ("refund", "Refunds and refunded", ""),
    ("refund please", "Refund", "now"),
    ("cafe", "Café", ""),
    ("cafe", unicodedata.normalize("NFD", "Café"), ""),
    ("ano", "año", ""),
    ("re", "ré", ""),
    ("100", "1001", ""),
    ("re.und", "Refund", ""),
    ("refund|please", "please", ""),
    ("$where", "here", ""),
]


@pytest.mark.services
async def test_words_are_found_whole_in_subject_and_message(
    api: httpx.AsyncClient, mongo: Mongo
) -> None:
    cases = [(*case, True) for case in FOUND] + [(*case, False) for case in MISSED]

    wrong = []
    for question, subject, message, is_found in cases:
        await mongo[collections.TICKETS].delete_many({})
        await store(mongo, ticket("T-1", subject=subject, message=message))
        answer = await api.get("/tickets", params={"tenant_id": "acme", "q": question})
        if bool(answer.json()["tickets"]) != is_found:
            wrong.append((question, subject, message))

    assert not wrong


@pytest.mark.services
@pytest.mark.parametrize("question", ["", "  ", "...", '"-"', "x" * 201, " ".join("abcdefghijk")])
async def test_a_question_of_no_use_is_refused(api: httpx.AsyncClient, question: str) -> None:
    answer = await api.get("/tickets", params={"tenant_id": "acme", "q": question})

    assert (answer.status_code, answer.json()["errors"][0]["parameter"]) == (422, "q")


@pytest.mark.services
async def test_words_go_with_filters_and_cursors_and_cross_no_tenant(
    api: httpx.AsyncClient, mongo: Mongo
) -> None:
    def texts(number: int) -> dict[str, Any]:
        return {"subject": "Refund" if number % 3 else "Thanks", "message": f"number {number}"}

    mine = [ticket(f"T-{n}", status="open" if n % 2 else "closed", **texts(n)) for n in range(60)]
    theirs = [ticket(f"T-{n}", tenant_id="globex", **texts(n)) for n in range(300)]
    await store(mongo, *mine, *theirs)
    await mongo.database.command("profile", 2)

    url = "/tickets?tenant_id=acme&q=refund%20number&status=open&limit=7&include_total=true"
    rows: list[str] = []
    while url:
        answer = await api.get(url)
        rows += [row["external_id"] for row in answer.json()["tickets"]]
        assert answer.json()["total"] == 20
        url = answer.links.get("next", {}).get("url", "")
    await mongo.database.command("profile", 0)

    wanted = [t["external_id"] for t in mine if t["status"] == "open" and t["subject"] == "Refund"]
    assert sorted(rows) == sorted(wanted)
    seen = await mongo["system.profile"].find({"docsExamined": {"$gt": 0}}).to_list(None)
    assert max(query["docsExamined"] for query in seen) <= len(mine)
