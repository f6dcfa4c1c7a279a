"""The projector of `ingestion_logs`: one document per run, however it ended."""

from collections.abc import Iterable, Mapping, Sequence

from domain.digests import DigestChanges, document_digest
from domain.read_models import INGESTION_LOGS, audit_document
from domain.runs import RunAudit, decode_audit
from domain.topics import RUN_EVENTS
from infra import dead_letters
from infra.checkpoints import Checkpoint, after, moves_behind
from infra.digests import KeptDigests
from infra.kafka import Record
from infra.mongo import Document, Mongo, Session, insert_missing, transaction
from infra.owners import Owners
from infra.publisher import Publisher
from infra.read_models import Generation, ProjectionCheckpoints


class IngestionLogsStep:
    """Inserts what is new; an audit that was published twice is there once."""

    def __init__(
        self,
        mongo: Mongo,
        checkpoints: ProjectionCheckpoints,
        publisher: Publisher,
        partitions: int,
    ) -> None:
        self._models = AuditModel(mongo)
        self._checkpoints = checkpoints
        self._publisher = publisher
        self._partitions = partitions
        self._owners = Owners(mongo)

    async def open(self, partitions: Iterable[int]) -> dict[int, Checkpoint]:
        """The checkpoints, with a predecessor's open transaction ended."""
        return await self._owners.open(self._checkpoints, partitions)

    async def taken(self, checkpoints: Mapping[int, Checkpoint]) -> set[int]:
        """Those that another session owns."""
        return await self._owners.taken(checkpoints)

    async def advance(
        self, slices: Mapping[int, Sequence[Record]], checkpoints: Mapping[int, Checkpoint]
    ) -> dict[int, Checkpoint]:
        """Project and commit."""
        audits, refused = await dead_letters.readable(RUN_EVENTS, slices, decode_audit)
        await dead_letters.send(self._publisher, refused, self._partitions)
        moves = moves_behind(slices, checkpoints)
        async with transaction(await self._owners.session()) as session:
            generation = await self._checkpoints.active(session)
            await self._models.write(generation, audits, session)
            await self._checkpoints.advance(moves, session)
        return after(moves)


class AuditModel:
    """The documents of a generation, with their digests."""

    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo
        self._digests = KeptDigests(mongo)

    async def write(
        self, generation: Generation, audits: Mapping[int, Sequence[RunAudit]], session: Session
    ) -> None:
        """Insert the audits of each partition that are not there."""
        documents: dict[str, Document] = {}
        partitions = {}
        for partition, some in audits.items():
            for audit in some:
                documents.setdefault(audit.job_id, audit_document(audit))
                partitions[audit.job_id] = partition
        logs = self._mongo[generation.names[INGESTION_LOGS]]
        changes = DigestChanges()
        for document in await insert_missing(logs, list(documents.values()), session):
            digest = document_digest(INGESTION_LOGS, document)
            partition = partitions[document["_id"]]
            changes.add(INGESTION_LOGS, document["tenant_id"], partition, digest)
        await self._digests.change(generation.number, changes, session)
