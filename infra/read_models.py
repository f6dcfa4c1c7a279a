"""Which generation of each read model is the active one; readers resolve it once per request."""

from typing import Final

from infra import collections
from infra.mongo import Mongo

_FIRST_GENERATION: Final = {
    name: name
    for name in (collections.TICKETS, collections.TICKET_HISTORY, collections.INGESTION_LOGS)
}


async def active(mongo: Mongo) -> dict[str, str]:
    """The collection that holds each read model now, by the model's name."""
    document = await mongo[collections.READ_MODELS].find_one({"_id": "active"}, {"_id": 0})
    return {**_FIRST_GENERATION, **(document or {})}
