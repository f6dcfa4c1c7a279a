"""`deskstream dlq`: letters on the screen, and what an operator may get wrong."""

from datetime import UTC, datetime

import pytest

from domain.dead_letters import Letter, Place
from infra.letters import store_letters
from infra.mongo import Mongo
from tests.cli.commands import Deskstream, is_one_line_error

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("topics")]

SEEN = datetime(2026, 11, 24, 10, tzinfo=UTC)


def _letter(id_: str, tenant_id: str | None, reason: str, value: bytes = b"{") -> Letter:
    return Letter(
        id=id_ * 32,
        position=f"tickets.raw/0/{int(id_, 16)}",
        place=Place("tickets.raw", 0, int(id_, 16)),
        key=b"\xff",
        headers=(("trace", b"abc"),),
        value=value,
        length=len(value),
        sha256="0" * 64,
        complete=True,
        reason=reason,
        tenant_id=tenant_id,
        external_id="T-1",
        arrived_at=SEEN,
        seen_at=SEEN,
    )


@pytest.fixture(autouse=True)
async def _kept(mongo: Mongo) -> None:
    letters = [
        _letter("a1", "acme", "invalid JSON: (found"),
        _letter("a2", "acme", "status: nothing is no text"),
        _letter("b1", None, "Invalid JSON", b"\xff"),
    ]
    async with await mongo.start_session() as session:
        await store_letters(mongo, letters, session)


def test_letters_are_listed_by_what_they_are(deskstream: Deskstream) -> None:
    listed = deskstream.json("dlq", "list", "--reason", "json: (F")
    table = deskstream.run("dlq", "list", "--tenant", "acme", "--state", "waiting", "--limit", "1")

    assert [letter["id"] for letter in listed["letters"]] == ["a1" * 32]
    assert listed["total"] == 1
    assert "value" not in listed["letters"][0]
    assert table.stdout.count("waiting") == 1
    assert "1 of 2" in table.stdout


def test_a_letter_is_shown_byte_for_byte(deskstream: Deskstream) -> None:
    shown = deskstream.json("dlq", "show", "b1")

    assert shown["id"] == "b1" * 32
    assert shown["key"] == shown["value"] == {"base64": "/w=="}
    assert shown["headers"] == [["trace", "abc"]]
    assert "invalid JSON: (found" in deskstream.run("dlq", "show", "a1").stdout


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("show", "a"), 1, "several dead letters have ids that begin with a"),
        (("evict", "a1", "zz", "--reason", "r"), 1, "no dead letter has an id that begins with zz"),
        (("evict", "a1", "--reason", " "), 2, "--reason is empty"),
        (("redrive",), 2, "name letters by their ids, by --tenant or --reason, or take --all"),
        (("redrive", "a1", "--all"), 2, "name letters by their ids"),
    ],
)
async def test_what_is_not_meant_is_not_done(
    deskstream: Deskstream, mongo: Mongo, arguments: tuple[str, ...], code: int, said: str
) -> None:
    ended = deskstream.run("dlq", *arguments)

    assert is_one_line_error(ended, code), ended.stderr
    assert said in ended.stderr
    assert await mongo["dead_letters"].distinct("state") == ["waiting"]


def test_without_kafka_a_redrive_says_so_and_changes_nothing(deskstream: Deskstream) -> None:
    environment = deskstream.environment | {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"}

    ended = Deskstream(environment).run("dlq", "redrive", "--all")

    assert is_one_line_error(ended), ended.stderr
    assert "Kafka" in ended.stderr


async def test_lists_walk_an_index_that_begins_with_the_tenant(mongo: Mongo) -> None:
    query = {"tenant_id": "acme", "state": "waiting"}
    order = [("tenant_id", 1), ("state", 1), ("first_seen", -1)]

    plan = await mongo["dead_letters"].find(query).sort(order).explain()

    stages = str(plan["queryPlanner"]["winningPlan"])
    assert "'indexName': 'newest'" in stages
    assert "'stage': 'SORT'" not in stages
