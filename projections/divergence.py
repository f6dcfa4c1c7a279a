"""Where two generations of a read model differ: found by walking both in the order of `_id`."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from domain.read_models import INGESTION_LOGS
from infra.mongo import Collection, Document, Mongo, Session
from infra.read_models import Generation

_BATCH: Final = 1_000


class Divergence(NamedTuple):
    """A document that differs: `fields` are those that do; none if one side lacks it."""

    model: str
    id: str
    fields: tuple[str, ...]
    is_missing: bool = False
    is_surplus: bool = False

    def __str__(self) -> str:
        """One line for the operator."""
        if self.is_missing:
            return f"{self.model} {self.id}: missing"
        if self.is_surplus:
            return f"{self.model} {self.id}: not in the log"
        return f"{self.model} {self.id}: {', '.join(self.fields)}"


def divergence(
    model: str, id_: str, live: Mapping[str, Any] | None, built: Mapping[str, Any] | None
) -> Divergence | None:
    """How the live document differs from the one built from the log; None if it does not."""
    if live is None or built is None:
        if live is built:
            return None
        return Divergence(model, id_, (), live is None, built is None)
    if live == built:
        return None
    names = sorted({*live, *built})
    return Divergence(model, id_, tuple(n for n in names if live.get(n) != built.get(n)))


async def divergences(
    mongo: Mongo, live: Generation, built: Generation, tenant_id: str | None
) -> AsyncIterator[Divergence]:
    """The documents, of a tenant or of all, that two generations do not share."""
    for model in built.names:
        wanted = of_tenant(model, tenant_id)
        left = _walk(mongo[live.names[model]], wanted)
        right = _walk(mongo[built.names[model]], wanted)
        async for id_, ours, theirs in _side_by_side(left, right):
            if (found := divergence(model, id_, ours, theirs)) is not None:
                yield found


async def confirmed(
    mongo: Mongo,
    generations: tuple[Generation, Generation],
    candidates: Sequence[Divergence],
    session: Session,
) -> list[tuple[Divergence, Document | None]]:
    """Which of `candidates` differ in this transaction, each with the document as built."""
    found = []
    for model in generations[0].names:
        ids = [one.id for one in candidates if one.model == model]
        live, built = [
            {
                d["_id"]: d
                async for d in mongo[generation.names[model]].find(
                    {"_id": {"$in": ids}}, session=session
                )
            }
            for generation in generations
        ]
        for id_ in ids:
            one = divergence(model, id_, live.get(id_), built.get(id_))
            if one is not None:
                found.append((one, built.get(id_)))
    return found


def of_tenant(model: str, tenant_id: str | None) -> Document:
    """The query for a tenant's documents: by `_id` where it begins with the tenant."""
    if tenant_id is None:
        return {}
    if model == INGESTION_LOGS:
        return {"tenant_id": tenant_id}
    return {"_id": {"$gte": f"{tenant_id}:", "$lt": f"{tenant_id};"}}


def _walk(collection: Collection, wanted: Document) -> AsyncIterator[Document]:
    return collection.find(wanted, batch_size=_BATCH).sort("_id", 1).allow_disk_use(True)


async def _side_by_side(
    left: AsyncIterator[Document], right: AsyncIterator[Document]
) -> AsyncIterator[tuple[str, Document | None, Document | None]]:
    one, other = await anext(left, None), await anext(right, None)
    while one is not None or other is not None:
        ids = [document["_id"] for document in (one, other) if document is not None]
        first = min(ids)
        ours = one if one is not None and one["_id"] == first else None
        theirs = other if other is not None and other["_id"] == first else None
        yield first, ours, theirs
        if ours is not None:
            one = await anext(left, None)
        if theirs is not None:
            other = await anext(right, None)
