"""MongoDB: the one client of a process, its transactions, and the only import of Motor."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, TypeAlias

from bson.codec_options import CodecOptions, DatetimeConversion
from motor.motor_asyncio import (
    AsyncIOMotorClient,
    AsyncIOMotorClientSession,
    AsyncIOMotorCollection,
    AsyncIOMotorDatabase,
)
from pymongo import ReadPreference
from pymongo.errors import ConfigurationError, PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from domain.errors import DeskstreamError
from infra.settings import Settings, SettingsError

Document: TypeAlias = dict[str, Any]
Session: TypeAlias = AsyncIOMotorClientSession
Collection: TypeAlias = "AsyncIOMotorCollection[Document]"
Database: TypeAlias = "AsyncIOMotorDatabase[Document]"

_SELECTION_MS: Final = 5_000
_SOCKET_MS: Final = 30_000


class StandaloneError(DeskstreamError):
    """The server is no replica set, so it has no transactions."""

    def __init__(self) -> None:
        super().__init__(
            "MONGODB_URI names a standalone server; transactions need a replica set"
            " (start mongod with --replSet rs0 and initiate it)"
        )


class Mongo:
    """The client of this process and its database; nothing is written outside it."""

    def __init__(self, settings: Settings) -> None:
        self.client = _client(settings)
        self.database: Database = self.client.get_database(
            settings.mongodb_database, codec_options=CodecOptions(tz_aware=True)
        )

    def __getitem__(self, collection: str) -> Collection:
        return self.database[collection]

    async def check_replica_set(self) -> None:
        """Raise `StandaloneError` unless the server has transactions."""
        hello: Mapping[str, Any] = await self.client.admin.command("hello")
        if "setName" not in hello and hello.get("msg") != "isdbgrid":
            raise StandaloneError

    async def start_session(self) -> Session:
        """A session for one worker's transactions, one at a time."""
        return await self.client.start_session()

    async def kill_session(self, session_id: object) -> None:
        """End another process's session and its open transaction; an unknown one is fine."""
        await self.client.admin.command("killSessions", [session_id])

    def close(self) -> None:
        """Close every connection."""
        self.client.close()


def _client(settings: Settings) -> "AsyncIOMotorClient[Document]":
    try:
        return AsyncIOMotorClient(
            settings.mongodb_uri.get_secret_value(),
            tz_aware=True,
            minPoolSize=10,
            maxPoolSize=50,
            serverSelectionTimeoutMS=_SELECTION_MS,
            connectTimeoutMS=_SELECTION_MS,
            socketTimeoutMS=_SOCKET_MS,
            waitQueueTimeoutMS=_SELECTION_MS,
            retryWrites=True,
            w="majority",
        )
    except (ConfigurationError, OSError) as error:  # a file of certificates that is none
        raise SettingsError(f"MONGODB_URI: {reason_of(error)}") from None


def reason_of(error: Exception) -> str:
    """What an error of the driver says, without the page about topology that follows it."""
    said = str(error).split(" (", 1)[0].split(", full error", 1)[0]
    return said.rstrip(".") or type(error).__name__


@asynccontextmanager
async def transaction(session: Session) -> AsyncIterator[Session]:
    """One transaction: snapshot reads on the primary, majority commit.

    Raises:
        PyMongoError: it did not commit, or nobody knows: reload before going on.
    """
    session.start_transaction(
        read_concern=ReadConcern("snapshot"),
        write_concern=WriteConcern("majority"),
        read_preference=ReadPreference.PRIMARY,
    )
    try:
        yield session
    except BaseException:
        await _abort(session)
        raise
    await session.commit_transaction()


@asynccontextmanager
async def snapshot(mongo: Mongo) -> AsyncIterator[Session]:
    """A session whose reads (find, aggregate, distinct) all see the moment of the first one.

    No transaction: it holds nobody up, and lasts as long as the server keeps its history
    (`minSnapshotHistoryWindowInSeconds`, 300).
    """
    async with await mongo.client.start_session(snapshot=True) as session:
        yield session


def lenient(collection: Collection) -> Collection:
    """The collection, read whatever somebody wrote into it: dates and text that Python lacks."""
    options: CodecOptions[Document] = CodecOptions(
        tz_aware=True,
        datetime_conversion=DatetimeConversion.DATETIME_AUTO,
        unicode_decode_error_handler="replace",
    )
    return collection.with_options(codec_options=options)


async def _abort(session: Session) -> None:
    if not session.delegate.in_transaction:
        return
    try:
        await session.abort_transaction()
    except PyMongoError:
        # The server ends it by itself; the error that led here says more.
        return


async def insert_missing(
    collection: Collection, documents: Sequence[Document], session: Session
) -> list[Document]:
    """Insert what is not there, and return it; in a transaction a duplicate key fails for ever."""
    if not documents:
        return []
    ids = [document["_id"] for document in documents]
    found = collection.find({"_id": {"$in": ids}}, {"_id": 1}, session=session)
    known = {document["_id"] async for document in found}
    missing = [document for document in documents if document["_id"] not in known]
    if missing:
        await collection.insert_many(missing, session=session)
    return missing
