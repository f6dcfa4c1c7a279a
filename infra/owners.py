"""Who writes where: a successor ends its predecessor's session, and so its open transaction.

Without this a transaction left by `kill -9` blocks its documents for up to a minute.
"""

from collections.abc import Iterable, Mapping

from pymongo import ReturnDocument
from pymongo.errors import OperationFailure

from infra import collections
from infra.checkpoints import Checkpoint, Checkpoints
from infra.mongo import Mongo, Session


class Owners:
    """The session that last wrote each checkpoint, or crawl."""

    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo
        self._owners = mongo[collections.CHECKPOINT_OWNERS]
        self._session: Session | None = None

    async def session(self) -> Session:
        """The one session of a step, for its life: its transactions follow each other."""
        if self._session is None:
            self._session = await self._mongo.start_session()
        return self._session

    async def own(self, ids: Iterable[str]) -> Session:
        """Take each id with the step's session, and return it."""
        session = await self.session()
        await self.take(ids, session)
        return session

    async def open(
        self, checkpoints: Checkpoints, partitions: Iterable[int]
    ) -> dict[int, Checkpoint]:
        """The checkpoints of partitions, with a predecessor's open transaction on them ended."""
        wanted = list(partitions)
        await self.own(map(checkpoints.id_of, wanted))
        return await checkpoints.load(wanted)

    async def taken(self, checkpoints: Mapping[int, Checkpoint]) -> set[int]:
        """Those of the partitions whose owner is another session than the step's."""
        mine = (await self.session()).session_id
        partitions = {checkpoint.id: p for p, checkpoint in checkpoints.items()}
        found = self._owners.find({"_id": {"$in": list(partitions)}})
        return {partitions[owner["_id"]] async for owner in found if owner["session"] != mine}

    async def take(self, ids: Iterable[str], session: Session) -> None:
        """Note `session` as the owner of each id, and kill the sessions that it succeeds."""
        mine = session.session_id
        predecessors = {}
        for id_ in ids:
            before = await self._owners.find_one_and_update(
                {"_id": id_},
                {"$set": {"session": mine}},
                upsert=True,
                return_document=ReturnDocument.BEFORE,
            )
            if before is not None and before["session"] != mine:
                predecessors[bytes(before["session"]["id"])] = before["session"]
        for session_id in predecessors.values():
            await self._kill(session_id)

    async def end(self, id_: str) -> None:
        """End the session of an id's last owner, who is lost, and so its open transaction."""
        owner = await self._owners.find_one({"_id": id_})
        if owner is not None:
            await self._kill(owner["session"])

    async def _kill(self, session_id: object) -> None:
        try:
            await self._mongo.kill_session(session_id)
        except OperationFailure as error:
            if error.code != _NO_SUCH_SESSION:
                raise


def crawl_owner(crawl_id: str) -> str:
    """Under which id the session that stores a crawl's pages is known."""
    return f"crawl:{crawl_id}"


_NO_SUCH_SESSION = 206
