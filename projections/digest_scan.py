"""The digests of a generation computed anew, document by document, as a check on those kept."""

from typing import Final, NamedTuple

from domain.digests import Digest, DigestChanges, document_digest
from infra.digests import KeptDigests
from infra.mongo import Mongo, Session, lenient, snapshot
from infra.read_models import PROJECTIONS, active_generation
from projections.divergence import of_tenant

_BATCH: Final = 1_000


class ModelDigest(NamedTuple):
    """A tenant's digest of a model as it is kept, and as its documents are (None: not scanned)."""

    tenant_id: str
    model: str
    generation: int
    kept: Digest
    scanned: Digest | None

    @property
    def agrees(self) -> bool:
        """False if the documents are not those that the digest was kept of."""
        return self.scanned is None or self.scanned == self.kept


async def read_digests(mongo: Mongo, tenant_id: str | None, *, scan: bool) -> list[ModelDigest]:
    """The digests of the live generation, of a tenant or of all: all of one moment."""
    async with snapshot(mongo) as session:
        found = []
        for projection in PROJECTIONS:
            live = await active_generation(mongo, projection, session)
            models = dict.fromkeys(projection.models, live.number)
            kept = await KeptDigests(mongo).read(models, tenant_id=tenant_id, session=session)
            scanned: dict[tuple[str, str], Digest] = {}
            for model in models if scan else ():
                scanned |= await _scan(mongo, (model, live.names[model]), tenant_id, session)
            for place in sorted({*kept, *scanned}):
                counted = scanned.get(place, Digest()) if scan else None
                one = kept.get(place, Digest())
                found.append(ModelDigest(*place, live.number, one, counted))
        return sorted(found)


async def _scan(
    mongo: Mongo, model: tuple[str, str], tenant_id: str | None, session: Session
) -> dict[tuple[str, str], Digest]:
    name, collection = model
    changes = DigestChanges()
    wanted = of_tenant(name, tenant_id)
    documents = lenient(mongo[collection]).find(wanted, session=session, batch_size=_BATCH)
    async for document in documents:
        # Of whom it is, its `tenant_id` says; a partition does not matter to a sum.
        tenant = str(document.get("tenant_id"))
        changes.add(name, tenant, 0, document_digest(name, document))
    return {(share.tenant_id, share.model): digest for share, digest in changes.items()}
