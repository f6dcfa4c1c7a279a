"""The projector of `ingestion_logs`: one document per run, however it ended."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain

from domain.read_models import audit_document
from domain.runs import decode_audit
from domain.topics import RUN_EVENTS
from infra import collections, dead_letters
from infra.checkpoints import Checkpoint, Checkpoints, after, moves_behind
from infra.kafka import Record
from infra.mongo import Document, Mongo, insert_missing, transaction
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

    async def open(self, partitions: Iterable[int]) -> dict[int, Checkpoint]:
        """The checkpoints, with a predecessor's open transaction ended."""
        wanted = list(partitions)
        await self._owners.own(map(self._checkpoints.id_of, wanted))
        return await self._checkpoints.load(wanted)

    async def advance(
        self, slices: Mapping[int, Sequence[Record]], checkpoints: Mapping[int, Checkpoint]
    ) -> dict[int, Checkpoint]:
        """Project and commit."""
        audits, refused = dead_letters.readable(RUN_EVENTS, slices, decode_audit)
        documents: dict[str, Document] = {}
        for audit in chain.from_iterable(audits.values()):
            documents.setdefault(audit.job_id, audit_document(audit))
        await dead_letters.send(self._publisher, refused, self._partitions)
        moves = moves_behind(slices, checkpoints)
        names = await active(self._mongo)
        logs = self._mongo[names[collections.INGESTION_LOGS]]
        async with transaction(await self._owners.session()) as session:
            await insert_missing(logs, list(documents.values()), session)
            await self._checkpoints.advance(moves, session)
        return after(moves)
