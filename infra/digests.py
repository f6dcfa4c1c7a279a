"""The kept digests of the read models, changed in the transactions that change the documents."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from pymongo import UpdateOne

from domain.digests import Digest, DigestChanges, Share
from infra import collections
from infra.mongo import Document, Mongo, Session

_LIMB_BITS: Final = 32
_LIMBS: Final = 8
_MASK: Final = (1 << _LIMB_BITS) - 1
_BITS: Final = _LIMB_BITS * _LIMBS


class KeptDigests:
    """One document per model, generation, tenant and partition.

    A sum is kept as 8 numbers of 32 bits, which `$inc` adds without reading them and without
    carry: none comes near 63 bits before two thousand million batches.  Partitions apart, no two
    projectors write one document.
    """

    def __init__(self, mongo: Mongo) -> None:
        self._documents = mongo[collections.DIGESTS]

    async def change(self, generation: int, changes: DigestChanges, session: Session) -> None:
        """Add the changes of a batch."""
        updates = [
            UpdateOne(
                {"_id": _id(generation, share)},
                {
                    "$inc": {"documents": change.documents, **_limbs(change.total)},
                    "$setOnInsert": {"generation": generation, **share._asdict()},
                },
                upsert=True,
            )
            for share, change in changes.items()
        ]
        if updates:
            await self._documents.bulk_write(updates, ordered=False, session=session)

    async def read(
        self,
        generations: Mapping[str, int],
        *,
        tenant_id: str | None = None,
        session: Session | None = None,
    ) -> dict[tuple[str, str], Digest]:
        """The digests by tenant and model, of each model's generation; empty ones are left out."""
        wanted: Document = {"$or": [{"model": m, "generation": g} for m, g in generations.items()]}
        if tenant_id is not None:
            wanted["tenant_id"] = tenant_id
        found: dict[tuple[str, str], Digest] = {}
        async for document in self._documents.find(wanted, session=session):
            place = document["tenant_id"], document["model"]
            found[place] = found.get(place, Digest()).plus(_digest(document))
        return {place: found[place] for place in sorted(found) if found[place] != Digest()}

    async def take_over(
        self, number: int, live: int, models: Sequence[str], tenant_id: str, session: Session
    ) -> None:
        """Give a tenant's digests of a generation to the live one."""
        mine: Document = {"tenant_id": tenant_id, "model": {"$in": list(models)}}
        found = self._documents.find({**mine, "generation": number}, session=session)
        taken = []
        async for document in found:
            share = Share(document["model"], tenant_id, document["partition"])
            taken.append({**document, "_id": _id(live, share), "generation": live})
        await self._documents.delete_many({**mine, "generation": live}, session=session)
        if taken:
            await self._documents.insert_many(taken, session=session)

    async def drop(self, generation: int, models: Iterable[str]) -> None:
        """Forget the digests of a generation."""
        await self._documents.delete_many(
            {"generation": generation, "model": {"$in": list(models)}}
        )


def _id(generation: int, share: Share) -> str:
    return f"{share.model}:{generation}:{share.tenant_id}:{share.partition}"


def _limbs(total: int) -> dict[str, int]:
    return {f"limbs.{i}": total >> (i * _LIMB_BITS) & _MASK for i in range(_LIMBS)}


def _digest(document: Document) -> Digest:
    total = sum(document["limbs"][str(i)] << (i * _LIMB_BITS) for i in range(_LIMBS))
    return Digest(document["documents"], total % (1 << _BITS))
