"""Keys in MongoDB: only hashes, and a revision that tells of every change, whoever meets whom."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from domain.access import EVERY_SCOPE, KeyScope
from domain.access_errors import ApiKeyEndedError, ApiKeyNotFoundError
from domain.api_keys import admissions, digest_of, is_well_formed
from infra import collections
from infra.api_keys import ApiKeys
from infra.mongo import Document, Mongo

pytestmark = pytest.mark.services

READ = frozenset({KeyScope.TICKETS_READ})
MINUTE = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)


@pytest.fixture
def keys(mongo: Mongo) -> ApiKeys:
    return ApiKeys(mongo)


async def good(keys: ApiKeys) -> set[bytes]:
    """The secrets that let somebody in."""
    return set(admissions(await keys.find_all()))


async def test_a_key_is_kept_as_its_hash_and_read_as_it_was_made(
    keys: ApiKeys, mongo: Mongo
) -> None:
    expires_at = MINUTE + timedelta(days=90)
    made = await keys.create("acme", READ, "ci", expires_at)

    assert await keys.find_all() == [made.key]
    assert made.key.expires_at == expires_at
    assert is_well_formed(made.text)
    assert await good(keys) == {digest_of(made.text)}
    assert made.text[11:] not in str([d async for d in mongo[collections.API_KEYS].find()])


async def test_every_change_is_a_new_revision_and_a_use_is_none(keys: ApiKeys) -> None:
    seen = [await keys.revision()]
    made = await keys.create("acme", READ)
    seen.append(await keys.revision())
    await keys.rotate(made.key.id, timedelta(days=1))
    seen.append(await keys.revision())
    await keys.revoke(made.key.id)
    seen.append(await keys.revision())

    await keys.note_use([made.key.id, "key_unknown"], MINUTE)
    await keys.note_use([made.key.id], MINUTE - timedelta(minutes=1))

    assert seen[0] is None
    assert len(set(seen)) == 4
    assert await keys.revision() == seen[-1]
    assert [key.last_used_at for key in await keys.find_all()] == [MINUTE]


async def test_a_rotated_key_is_one_key_with_two_secrets_for_a_while(keys: ApiKeys) -> None:
    old = await keys.create("acme", READ)
    new = await keys.rotate(old.key.id, timedelta(days=1))
    assert await good(keys) == {digest_of(old.text), digest_of(new.text)}

    last = await keys.rotate(old.key.id, timedelta(0))

    assert await good(keys) == {digest_of(last.text)}
    assert len(await keys.find_all()) == 1


async def test_rotations_at_once_lose_no_secret(keys: ApiKeys) -> None:
    made = await keys.create("acme", READ)
    day = timedelta(days=1)

    rotated = await asyncio.gather(*(keys.rotate(made.key.id, day) for _ in range(6)))

    assert await good(keys) == {digest_of(s.text) for s in (made, *rotated)}


async def test_a_revoked_key_stays_revoked_and_gets_no_secret(keys: ApiKeys) -> None:
    made = await keys.create("acme", READ)
    first = await keys.revoke(made.key.id)

    again = await keys.revoke(made.key.id)

    assert await good(keys) == set()
    assert again.revoked_at is not None
    assert first.revoked_at is not None
    assert abs(again.revoked_at - first.revoked_at) < timedelta(milliseconds=1)
    with pytest.raises(ApiKeyEndedError, match="revoked"):
        await keys.rotate(made.key.id, timedelta(0))


async def test_a_key_that_is_not_there_is_named(keys: ApiKeys) -> None:
    for change in (keys.revoke("key_1"), keys.rotate("key_1", timedelta(0))):
        with pytest.raises(ApiKeyNotFoundError, match="key_1"):
            await change


async def test_of_many_who_make_the_first_key_one_does(keys: ApiKeys) -> None:
    made = await asyncio.gather(*(keys.create_first("*", EVERY_SCOPE) for _ in range(6)))

    [first] = [each for each in made if each is not None]
    assert await keys.find_all() == [first.key]
    await keys.revoke(first.key.id)
    assert await keys.create_first("*", EVERY_SCOPE) is None  # no key is ever forgotten


async def test_what_somebody_spoilt_keeps_no_other_key_from_working(
    keys: ApiKeys, mongo: Mongo
) -> None:
    made = await keys.create("acme", READ)
    whole = await mongo[collections.API_KEYS].find_one()
    assert whole is not None
    spoilt: list[Document] = [
        {"secrets": 1},
        {"scopes": [[]]},
        {"expires_at": "tomorrow"},
        {"secrets": [{}]},
    ]
    await mongo[collections.API_KEYS].insert_many(
        [{"_id": "a"}, *({**whole, "_id": str(n), **each} for n, each in enumerate(spoilt))]
    )

    assert await keys.find_all() == [made.key]


async def test_spoilt_keys_are_keys(keys: ApiKeys, mongo: Mongo) -> None:
    """Else access would be open again once the only key cannot be read."""
    assert not await keys.any_exists()
    await mongo[collections.API_KEYS].insert_one({"_id": "a"})

    assert await keys.any_exists()
    assert await keys.find_all() == []
