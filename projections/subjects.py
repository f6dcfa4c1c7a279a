"""What is verified: the collections of one generation, and the checkpoints that go with them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from domain.topics import CHANGES, RUN_EVENTS
from infra import collections
from infra.checkpoints import Checkpoints
from infra.mongo import Mongo, Session
from infra.read_models import PROJECTIONS, active_generation
from projections.log_facts import Fact, read_audit, read_change
from projections.shadow import Shadow
from projections.stored_documents import StoredDocuments


class Model(NamedTuple):
    """A read model that follows a topic: its documents, and their history if it keeps one."""

    topic: str
    documents: str
    entries: str | None
    read: Callable[[bytes | None], Fact | None]


MODELS: Final = (
    Model(CHANGES, collections.TICKETS, collections.TICKET_HISTORY, read_change),
    Model(RUN_EVENTS, collections.INGESTION_LOGS, None, read_audit),
)


_NOTHING_PARKED: Final = "parked_of_shadows"


@dataclass(frozen=True)
class Subject:
    """One generation: collections by the name of their read model, checkpoints by topic.

    A topic without checkpoints is left out of the verification.
    """

    names: Mapping[str, str]
    checkpoints: Mapping[str, Checkpoints]

    def stored(self, mongo: Mongo, model: Model) -> StoredDocuments:
        """The collections of a read model."""
        documents = mongo[self.names[model.documents]]
        if model.entries is None:
            return StoredDocuments(documents)
        parked = mongo[self.names.get(collections.PARKED, collections.PARKED)]
        return StoredDocuments(documents, mongo[self.names[model.entries]], parked)

    async def offset(self, topic: str, partition: int, session: Session | None = None) -> int:
        """The next offset of a partition; 0 where nothing was ever applied."""
        found = await self.checkpoints[topic].load([partition], session)
        return found[partition].next_offset if found else 0


async def live_subject(mongo: Mongo) -> Subject:
    """What readers see now."""
    names: dict[str, str] = {}
    checkpoints = {}
    for projection in PROJECTIONS:
        live = await active_generation(mongo, projection)
        names |= live.collections
        checkpoints[projection.topic] = Checkpoints(
            mongo, projection.consumer, projection.topic, generation=live.number
        )
    return Subject(names, checkpoints)


def shadow_subject(shadow: Shadow) -> Subject:
    """What a rebuild made, before anybody sees it; in it nothing is parked."""
    names = {**shadow.generation.collections, collections.PARKED: _NOTHING_PARKED}
    return Subject(names, {shadow.projection.topic: shadow.checkpoints})
