"""Which generation of each read model is the active one; readers resolve it once per request.

The document `active` of `read_models` maps each model to its collection, and each projection, the
consumer that keeps some of them in one transaction, to its generation.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from domain.errors import FenceError
from domain.topics import CHANGES, RUN_EVENTS
from infra import collections
from infra.checkpoints import Checkpoints
from infra.mongo import Mongo, Session

ACTIVE: Final = "active"


class Projection(NamedTuple):
    """A consumer, the topic it follows, and the models that it keeps."""

    consumer: str
    topic: str
    models: tuple[str, ...]


class Generation(NamedTuple):
    """One making of a projection's models: its number, and the collection of each."""

    number: int
    names: Mapping[str, str]


TICKETS: Final = Projection("tickets", CHANGES, (collections.TICKETS, collections.TICKET_HISTORY))
INGESTION_LOGS: Final = Projection("ingestion_logs", RUN_EVENTS, (collections.INGESTION_LOGS,))
PROJECTIONS: Final = (TICKETS, INGESTION_LOGS)


def collections_of(projection: Projection, number: int) -> dict[str, str]:
    """The collections of a generation; the first has the models' own names."""
    suffix = "" if number == 1 else f"_g{number}"
    return {model: f"{model}{suffix}" for model in projection.models}


async def active(mongo: Mongo) -> dict[str, str]:
    """The collection that holds each read model now, by the model's name."""
    found = await _active(mongo, None)
    return {model: name for p in PROJECTIONS for model, name in _of(found, p).names.items()}


async def active_generation(
    mongo: Mongo, projection: Projection, session: Session | None = None
) -> Generation:
    """The generation that readers see; in a transaction, as of its snapshot."""
    return _of(await _active(mongo, session), projection)


async def kept_generations(
    mongo: Mongo, projection: Projection, session: Session | None = None
) -> list[int]:
    """The numbers of earlier generations that are kept, the latest to be live last."""
    found = await _active(mongo, session)
    return list(found.get("kept", {}).get(projection.consumer, ()))


async def numbers_in_use(mongo: Mongo, projection: Projection) -> list[int]:
    """The numbers of the active generation and of those that are kept."""
    live = await active_generation(mongo, projection)
    return [live.number, *await kept_generations(mongo, projection)]


async def activate(
    mongo: Mongo,
    projection: Projection,
    generation: Generation,
    kept: Sequence[int],
    session: Session,
) -> None:
    """Make a generation the active one: one write, in the transaction that fences it."""
    await mongo[collections.READ_MODELS].update_one(
        {"_id": ACTIVE},
        {
            "$set": {
                **generation.names,
                f"generations.{projection.consumer}": generation.number,
                f"kept.{projection.consumer}": list(kept),
            }
        },
        session=session,
    )


async def keep_none(mongo: Mongo, projection: Projection) -> None:
    """Forget which earlier generations are kept."""
    await mongo[collections.READ_MODELS].update_one(
        {"_id": ACTIVE}, {"$set": {f"kept.{projection.consumer}": []}}
    )


class ProjectionCheckpoints(Checkpoints):
    """The checkpoints of the generation that is active whenever a partition is taken up."""

    def __init__(self, mongo: Mongo, projection: Projection) -> None:
        super().__init__(mongo, projection.consumer, projection.topic)
        self._mongo = mongo
        self._projection = projection

    async def create(self, starts: Mapping[int, int]) -> None:
        """Make the active generation's checkpoints that are missing, at the given offsets."""
        self.generation = (await active_generation(self._mongo, self._projection)).number
        await super().create(starts)

    async def active(self, session: Session) -> Generation:
        """The generation to write to, within a transaction that moves these checkpoints.

        Raises:
            FenceError: another one was swapped in.
        """
        found = await active_generation(self._mongo, self._projection, session)
        if found.number != self.generation:
            raise FenceError(f"{self._projection.consumer}:{self.generation}")
        return found


async def _active(mongo: Mongo, session: Session | None) -> Mapping[str, Any]:
    found = await mongo[collections.READ_MODELS].find_one({"_id": ACTIVE}, session=session)
    return found or {}


def _of(document: Mapping[str, Any], projection: Projection) -> Generation:
    number = document.get("generations", {}).get(projection.consumer, 1)
    first = collections_of(projection, 1)
    return Generation(number, {model: document.get(model, name) for model, name in first.items()})
