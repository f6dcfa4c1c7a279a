"""The projector of `ingestion_logs`: one document per run, however it ended."""

from collections.abc import Iterable, Mapping, Sequence

from domain.errors import UndecodableEventError
from domain.read_models import audit_document
from domain.runs import decode_audit
from domain.topics import RUN_EVENTS
from infra import collections, dead_letters
from infra.checkpoints import Advance, Checkpoint, Checkpoints, record_hash
from infra.kafka import Record
from infra.mongo import Document, Mongo, Session, transaction
from infra.owners import Owners
from infra.publisher import Publisher
from infra.read_models import active


class IngestionLogsStep:
    """Inserts what is new; an audit that was published twice is there once."""

    def __init__(
        self, mongo: Mongo, checkpoints: Checkpoints, publisher: Publisher, partitions: int
    ) -> None:
        self._mongo = mongo
        self._checkpoints = checkpoints
        self._publisher = publisher
        self._partitions = partitions
        self._owners = Owners(mongo)
        self._session: Session | None = None

    async def open(self, partitions: Iterable[int]) -> dict[int, Checkpoint]:
        """The checkpoints, with a predecessor's open transaction ended."""
        wanted = list(partitions)
        session = await self._own()
        await self._owners.take(map(self._checkpoints.id_of, wanted), session)
        return await self._checkpoints.load(wanted)

    async def advance(
        self, slices: Mapping[int, Sequence[Record]], checkpoints: Mapping[int, Checkpoint]
    ) -> dict[int, Checkpoint]:
        """Project and commit."""
        documents, refused = _read(slices)
        await dead_letters.send(self._publisher, refused, self._partitions)
        moves = [
            Advance(checkpoints[p], records[-1].offset + 1, record_hash(records[-1].value))
            for p, records in slices.items()
        ]
        names = await active(self._mongo)
        logs = self._mongo[names[collections.INGESTION_LOGS]]
        async with transaction(await self._own()) as session:
            found = logs.find({"_id": {"$in": list(documents)}}, {"_id": 1}, session=session)
            known = {document["_id"] async for document in found}
            missing = [d for id_, d in documents.items() if id_ not in known]
            if missing:
                await logs.insert_many(missing, session=session)
            await self._checkpoints.advance(moves, session)
        return {move.checkpoint.partition: move.result() for move in moves}

    async def _own(self) -> Session:
        if self._session is None:
            self._session = await self._mongo.start_session()
        return self._session


def _read(
    slices: Mapping[int, Sequence[Record]],
) -> tuple[dict[str, Document], list[dead_letters.DeadLetter]]:
    documents: dict[str, Document] = {}
    refused = []
    for records in slices.values():
        for record in records:
            try:
                audit = decode_audit(record.value)
            except UndecodableEventError as error:
                refused.append(dead_letters.of_record(RUN_EVENTS, record, error.reason))
            else:
                documents.setdefault(audit.job_id, audit_document(audit))
    return documents, refused
