"""`deskstream keys`, and an API that is behind them."""

import json
import re

import httpx
import pytest

from cli.ages import age_of
from dev.ports import free_port
from domain.access import EVERY_SCOPE
from domain.api_keys import KEY_PATTERN
from infra import collections
from infra.api_keys import ApiKeys
from infra.mongo import Mongo
from tests.cli.commands import Deskstream, is_one_line_error

EVERYTHING = "tickets:read,stats:read,ingest:write,alerts:write,admin"
FIRST = ("keys", "create", "--tenant", "*", "--scope", EVERYTHING, "--first")
FAR = {"API_HOST": "0.0.0.0"}  # noqa: S104 (that it listens everywhere is what is tested)


@pytest.mark.services
async def test_a_key_is_made_listed_rotated_and_revoked(
    deskstream: Deskstream, mongo: Mongo
) -> None:
    made = deskstream.run(
        *("keys", "create", "--tenant", "acme", "--scope", EVERYTHING),
        *("--name", "ci", "--expires", "90d"),
    )
    key = made.stdout.strip()
    assert re.fullmatch(KEY_PATTERN, key)
    assert "of tenant acme is made: tickets:read, stats:read" in made.stderr
    assert "admin concerns all tenants" in made.stderr

    [listed] = deskstream.json("keys", "list")["keys"]
    rotated = deskstream.json("keys", "rotate", listed["id"], "--overlap", "1h")
    revoked = deskstream.run("keys", "revoke", listed["id"])
    shown = deskstream.run("keys", "list")

    assert (listed["tenant_id"], listed["name"]) == ("acme", "ci")
    assert listed["scopes"] == EVERYTHING.split(",")
    assert listed["expires_at"] > listed["created_at"]
    assert (listed["last_used_at"], listed["revoked_at"], listed["old_secret_until"]) == (None,) * 3
    assert (rotated["id"], rotated["key"] == key) == (listed["id"], False)
    assert rotated["old_secret_until"] > rotated["created_at"]
    assert f"key {listed['id']} is revoked" in revoked.stdout
    assert listed["id"] in shown.stdout
    for secret in (key, rotated["key"]):
        kept = [document async for document in mongo[collections.API_KEYS].find()]
        assert secret[11:40] not in json.dumps(listed) + revoked.stdout + shown.stdout + str(kept)


@pytest.mark.services
async def test_beyond_this_machine_there_is_no_api_without_a_key(
    deskstream: Deskstream, mongo: Mongo
) -> None:
    far = Deskstream(deskstream.environment | FAR)
    refused = far.run("api")
    key = far.run(*FIRST).stdout.strip()
    with far.api() as process:
        unknown = far.run("cancel", "unknown")
        known = Deskstream(far.environment | {"DESKSTREAM_API_KEY": key}).run("cancel", "unknown")
        process.terminate()
        _, log = process.communicate()

    assert is_one_line_error(refused)
    assert "API_HOST=0.0.0.0" in refused.stderr
    assert "deskstream keys create" in refused.stderr
    assert is_one_line_error(unknown)
    assert "answered 401" in unknown.stderr
    assert "set DESKSTREAM_API_KEY" in unknown.stderr
    assert "answered 404: no run has the id unknown" in known.stderr
    assert "access_by_key" in log
    assert key not in log


@pytest.mark.services
async def test_the_first_key_is_made_once(deskstream: Deskstream, mongo: Mongo) -> None:
    await ApiKeys(mongo).create("acme", EVERY_SCOPE)

    ended = deskstream.run(*FIRST)

    assert (ended.returncode, ended.stdout) == (0, "")
    assert "none is made" in ended.stderr


@pytest.mark.faults
@pytest.mark.parametrize("host", ["127.0.0.1", FAR["API_HOST"]])
def test_without_mongodb_the_api_starts_and_lets_nobody_in(host: str) -> None:
    nowhere = {"MONGODB_URI": f"mongodb://127.0.0.1:{free_port()}/?replicaSet=rs0"}
    away = Deskstream(nowhere | {"API_HOST": host, "API_PORT": str(free_port())})
    with away.api():
        answer = httpx.get(f"{away.url}/tenants", trust_env=False, timeout=10)
    assert answer.status_code == 503


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--tenant", "a b", "--scope", "admin"), "is no tenant"),
        (("--tenant", "acme", "--scope", "tickets:write"), "there is no scope tickets:write"),
        (("--tenant", "acme", "--scope", "admin", "--expires", "soon"), "--expires 'soon'"),
        (("--tenant", "acme", "--scope", "admin", "--expires", "0d"), "no time"),
        (("--tenant", "*", "--scope", "admin", "--first", "--expires", "1d"), "does not expire"),
    ],
)
def test_what_is_no_key_is_one_line(options: tuple[str, ...], said: str) -> None:
    ended = Deskstream({}).run("keys", "create", *options)

    assert is_one_line_error(ended, 2)
    assert said in ended.stderr


def test_a_spoilt_key_in_the_settings_is_named_and_not_shown() -> None:
    ended = Deskstream({"DESKSTREAM_API_KEY": "deskstream_sesame"}).run("cancel", "1")

    assert is_one_line_error(ended, 2)
    assert "DESKSTREAM_API_KEY: is no key" in ended.stderr
    assert "sesame" not in ended.stderr


def test_spans_of_time_are_written_with_a_unit() -> None:
    assert [age_of(text) for text in ("90", "d", "-1d", "1w", "")] == [None] * 5
    assert [str(age_of(text)) for text in ("0s", "90m", " 2d ")] == [
        "0:00:00",
        "1:30:00",
        "2 days, 0:00:00",
    ]
