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
    """A consumer, the topic it follows, the models that it keeps, and whether it sums them up."""

    consumer: str
    topic: str
    models: tuple[str, ...]
    has_roll_ups: bool = False


class Generation(NamedTuple):
    """One making of a projection's models: its number, and the collection of each.

    `roll_ups` is the collection of the sums over them; None if it was made without.
    """

    number: int
    names: Mapping[str, str]
    roll_ups: str | None = None

    @property
    def collections(self) -> dict[str, str]:
        """Every collection, by what it holds."""
        sums = {} if self.roll_ups is None else {collections.ROLL_UPS: self.roll_ups}
        return {**self.names, **sums}


TICKETS: Final = Projection(
    "tickets", CHANGES, (collections.TICKETS, collections.TICKET_HISTORY), has_roll_ups=True
)
INGESTION_LOGS: Final = Projection("ingestion_logs", RUN_EVENTS, (collections.INGESTION_LOGS,))
PROJECTIONS: Final = (TICKETS, INGESTION_LOGS)


def generation_of(projection: Projection, number: int) -> Generation:
    """A generation with all that today's have; the first has the models' own names."""
    suffix = "" if number == 1 else f"_g{number}"
    names = {model: f"{model}{suffix}" for model in projection.models}
    roll_ups = f"{collections.ROLL_UPS}{suffix}" if projection.has_roll_ups else None
    return Generation(number, names, roll_ups)


async def active(mongo: Mongo) -> dict[str, str]:
    """The collection that holds each read model now, by the model's name, roll-ups included."""
    found = await _active(mongo, None)
    return {model: name for p in PROJECTIONS for model, name in _of(found, p).collections.items()}


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
    values: dict[str, object] = {
        **generation.names,
        f"generations.{projection.consumer}": generation.number,
        f"kept.{projection.consumer}": list(kept),
    }
    if projection.has_roll_ups:
        values[collections.ROLL_UPS] = generation.roll_ups
    await mongo[collections.READ_MODELS].update_one(
        {"_id": ACTIVE}, {"$set": values}, session=session
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
    first = generation_of(projection, 1)
    names = {model: document.get(model, name) for model, name in first.names.items()}
    # A deployment of a release before them has none until it rebuilds.
    sums = document.get(collections.ROLL_UPS) if projection.has_roll_ups else None
    return Generation(number, names, sums)
