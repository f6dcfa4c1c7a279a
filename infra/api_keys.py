"""API keys as they are kept: hashes of secrets, and a revision that changes with every change."""

import uuid
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog
from pymongo import ASCENDING, UpdateOne

from domain.access import KeyScope
from domain.access_errors import ApiKeyNotFoundError
from domain.api_keys import ApiKey, checked_name, digest_of, rotated
from infra import collections
from infra.api_key_documents import NewSecret, document_of, key_of, new_key, new_text
from infra.mongo import Document, Mongo, Session
from infra.retrying import in_transaction

log = structlog.get_logger()

_REVISION: Final[Document] = {"_id": "keys"}


class ApiKeys:
    """Makes, lists, rotates and revokes keys.

    Every change, but for when a key was last used, renews the revision in its transaction:
    whoever knows the revision knows the keys.
    """

    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo
        self._keys = mongo[collections.API_KEYS]
        self._revisions = mongo[collections.API_KEY_REVISIONS]

    async def create(
        self,
        tenant_id: str,
        scopes: frozenset[KeyScope],
        name: str | None = None,
        expires_at: datetime | None = None,
    ) -> NewSecret:
        """A new key.

        Raises:
            KeyRequestError: it cannot have this name.
        """
        made = new_key(tenant_id, scopes, checked_name(name), expires_at)

        async def insert(session: Session) -> None:
            await self._renew_revision(session)
            await self._keys.insert_one(document_of(made.key), session=session)

        await self._prepare()
        await in_transaction(self._mongo, insert)
        return made

    async def create_first(
        self, tenant_id: str, scopes: frozenset[KeyScope], name: str | None = None
    ) -> NewSecret | None:
        """A new key, or None where one was ever made; of several who ask at once, one gets it."""
        made = new_key(tenant_id, scopes, checked_name(name), None)

        async def insert(session: Session) -> NewSecret | None:
            await self._renew_revision(session)
            if await self._keys.find_one({}, {"_id": 1}, session=session) is not None:
                return None
            await self._keys.insert_one(document_of(made.key), session=session)
            return made

        await self._prepare()
        return await in_transaction(self._mongo, insert)

    async def rotate(self, key_id: str, overlap: timedelta) -> NewSecret:
        """A new secret of a key; those it has are good for `overlap`, if not for less.

        Raises:
            ApiKeyNotFoundError: there is no such key.
            ApiKeyEndedError: it was revoked or has expired.
        """
        text = new_text()

        async def add(session: Session) -> ApiKey:
            now = datetime.now(UTC)
            await self._renew_revision(session)
            key = await self._find(key_id, session)
            key.check_alive(now)
            key = key._replace(secrets=rotated(key.secrets, digest_of(text), now, overlap))
            await self._keys.replace_one({"_id": key_id}, document_of(key), session=session)
            return key

        await self._prepare()
        return NewSecret(await in_transaction(self._mongo, add), text)

    async def revoke(self, key_id: str) -> ApiKey:
        """The key, which from now on is good for nothing; one that was revoked stays as it was.

        Raises:
            ApiKeyNotFoundError: there is no such key.
        """

        async def end(session: Session) -> ApiKey:
            await self._renew_revision(session)
            key = await self._find(key_id, session)
            if key.revoked_at is None:
                key = key._replace(revoked_at=datetime.now(UTC))
                await self._keys.replace_one({"_id": key_id}, document_of(key), session=session)
            return key

        await self._prepare()
        return await in_transaction(self._mongo, end)

    async def find_all(self) -> list[ApiKey]:
        """Every key that was ever made, oldest first; one that somebody spoilt is left out."""
        found = self._keys.find({}, sort=[("created_at", ASCENDING), ("_id", ASCENDING)])
        keys = []
        async for document in found:
            try:
                keys.append(key_of(document))
            except (KeyError, TypeError, ValueError) as error:
                reason = type(error).__name__
                log.warning("api_key_unreadable", key_id=str(document["_id"]), reason=reason)
        return keys

    async def any_exists(self) -> bool:
        """True if a key was ever made, whatever became of it."""
        return await self._keys.find_one({}, {"_id": 1}) is not None

    async def revision(self) -> str | None:
        """A name for the keys as they are now; None if nobody ever changed one."""
        found = await self._revisions.find_one(_REVISION)
        return None if found is None else str(found["revision"])

    async def note_use(self, key_ids: Iterable[str], minute: datetime) -> None:
        """Note that these keys were used in that minute."""
        noted = [
            UpdateOne({"_id": key_id}, {"$max": {"last_used_at": minute}}) for key_id in key_ids
        ]
        if noted:
            await self._keys.bulk_write(noted, ordered=False)

    async def _find(self, key_id: str, session: Session) -> ApiKey:
        document = await self._keys.find_one({"_id": key_id}, session=session)
        if document is None:
            raise ApiKeyNotFoundError(key_id)
        return key_of(document)

    async def _prepare(self) -> None:
        # Asking for the index that every collection has makes it; and in a transaction two who
        # make the document below at once would both fail for good.
        await self._keys.create_index([("_id", ASCENDING)])
        await self._revisions.update_one(_REVISION, {"$setOnInsert": {"revision": ""}}, upsert=True)

    async def _renew_revision(self, session: Session) -> None:
        """First of all: of two changes at once, one waits here and then sees the other."""
        await self._revisions.update_one(
            _REVISION, {"$set": {"revision": uuid.uuid4().hex}}, session=session
        )
