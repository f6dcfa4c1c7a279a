"""Earlier generations: returning to the last one, and removing them all."""

from domain.rebuild_errors import NothingKeptError
from infra.log_reader import LogReader
from infra.mongo import Mongo
from infra.read_models import Projection, generation_of, keep_none, kept_generations
from infra.rebuilds import drop_generation
from projections.following import Follower
from projections.shadow import Shadow
from projections.swap import Swap, Swapped


async def roll_back(mongo: Mongo, reader: LogReader, projection: Projection) -> Swapped:
    """Bring the generation that was live before up to date, and make it live again.

    Raises:
        NothingKeptError: there is none.
    """
    kept = await kept_generations(mongo, projection)
    if not kept:
        raise NothingKeptError(projection.consumer)
    generation = generation_of(projection, kept[-1])
    if generation.roll_ups not in await mongo.database.list_collection_names():
        generation = generation._replace(roll_ups=None)  # made by a release that had none
    shadow = Shadow(mongo, projection, generation, None)
    await shadow.checkpoints.revive()
    async with await mongo.start_session() as session:
        swap = Swap(mongo, Follower(mongo, reader, shadow), shadow, None)
        return await swap.perform(session, accept_differences=True)


async def prune(mongo: Mongo, projection: Projection) -> list[int]:
    """Remove the earlier generations; return their numbers."""
    kept = await kept_generations(mongo, projection)
    for number in kept:
        await drop_generation(mongo, projection, number)
    await keep_none(mongo, projection)
    return kept
