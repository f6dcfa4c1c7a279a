"""The record of each erasure: who asked for what, why, and what came of it; no customer's name."""

from datetime import datetime
from typing import Any

from domain.erasure_subjects import ErasureSubject
from infra import collections
from infra.mongo import Mongo


class ErasureRecords:
    """One document per request; one without `completed_at` was not seen to its end: ask again."""

    def __init__(self, mongo: Mongo) -> None:
        self._records = mongo[collections.ERASURES]

    async def begin(
        self, id_: str, subject: ErasureSubject, time: datetime, reason: str | None, *, lifted: bool
    ) -> None:
        """Note a request before anything is done about it."""
        await self._records.insert_one(
            {
                "_id": id_,
                "tenant_id": subject.tenant_id,
                "subject": subject.name,
                "lifted": lifted,
                "reason": reason,
                "requested_at": time,
                "completed_at": None,
                "tickets": None,
            }
        )

    async def complete(self, id_: str, time: datetime, **outcome: Any) -> None:  # noqa: ANN401
        """Note what came of it."""
        said = {"$set": {"completed_at": time, **outcome}}
        await self._records.update_one({"_id": id_}, said)
