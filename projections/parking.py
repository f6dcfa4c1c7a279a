"""Parked events: those of tickets whose next event could not be applied, kept in order."""

from collections.abc import Iterator, Sequence

import structlog
from pymongo import UpdateOne

from domain.blanks import blanked_event
from domain.events import ChangeEvent, decode, encode
from domain.read_models import Erasure, TicketsFold
from infra import collections
from infra.mongo import Document, Mongo, Session, insert_missing

log = structlog.get_logger()


class Parking:
    """Reads and writes `parked` within the caller's transaction."""

    def __init__(self, mongo: Mongo) -> None:
        self._rows = mongo[collections.PARKED]

    async def parked(self, keys: Sequence[str], session: Session) -> list[str]:
        """Those of the tickets that are parked."""
        found: list[str] = await self._rows.distinct("key", {"key": {"$in": keys}}, session=session)
        return found

    async def park(self, fold: TicketsFold, session: Session) -> None:
        """Keep what a batch parks; of what an erasure follows nothing but blanks."""
        waiting = {f"{event.key}:{event.version}": event for event in fold.parking}
        if not waiting:
            return
        log.error("tickets_parked", events=sorted(waiting)[:20], count=len(waiting))
        erased = {key: e for key, e in fold.erased.items() if key in fold.parked}
        rows = [_row(id_, _left_of(event, erased)) for id_, event in waiting.items()]
        await insert_missing(self._rows, rows, session)
        if erased:
            found = self._rows.find({"key": {"$in": list(erased)}}, session=session)
            writes = list(_blanked(await found.to_list(None), erased))
            if writes:
                await self._rows.bulk_write(writes, ordered=False, session=session)


def _row(id_: str, event: ChangeEvent) -> Document:
    return {"_id": id_, "key": event.key, "tenant_id": event.tenant_id, "value": encode(event)}


def _left_of(event: ChangeEvent, erased: dict[str, Erasure]) -> ChangeEvent:
    erasure = erased.get(event.key)
    return event if erasure is None or event.version >= erasure.version else blanked_event(event)


def _blanked(rows: Sequence[Document], erased: dict[str, Erasure]) -> Iterator[UpdateOne]:
    for row in rows:
        event = decode(row["value"])
        if isinstance(event, ChangeEvent) and (left := _left_of(event, erased)) != event:
            yield UpdateOne({"_id": row["_id"]}, {"$set": {"value": encode(left)}})
