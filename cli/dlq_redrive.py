"""Walking through the dead letters that an operator named, to plan them or to send them again."""

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, NamedTuple

from cli.dlq_output import print_planned

if TYPE_CHECKING:
    from infra.letters import Letters, Selection
    from infra.settings import Settings


class Wanted(NamedTuple):
    """Which letters the operator named, and how."""

    ids: tuple[str, ...]
    tenant: str | None
    reason: str | None
    skip: bool


async def walk(
    settings: "Settings", *, wanted: Wanted, send: bool, shown: bool
) -> list[dict[str, Any]]:
    """Plan or redrive; what became of each letter, printed as it goes on."""
    from domain.topics import RAW
    from infra.letters import Letters
    from infra.log_reader import LogReader
    from infra.mongo import Mongo
    from infra.publisher import Publisher
    from infra.rules import default_classifier
    from streams.redrive import Redrive
    from streams.redrive_plan import RedrivePlan

    async with AsyncExitStack() as stack:
        mongo, reader, publisher = Mongo(settings), LogReader(settings), Publisher(settings)
        stack.callback(mongo.close)
        stack.push_async_callback(reader.stop)
        stack.push_async_callback(publisher.stop)
        letters = Letters(mongo)
        selection = await _selection(letters, wanted)
        await reader.bounds(RAW, [0])  # a publisher would wait for Kafka, and say nothing
        plan = RedrivePlan(
            mongo,
            reader,
            default_classifier(),
            selection,
            partitions=settings.kafka_partitions,
            skip=wanted.skip,
        )
        redrive = Redrive(letters, plan, publisher)
        rows = []
        async for batch in redrive.redriven(selection) if send else redrive.planned(selection):
            rows += [print_planned(one, shown=shown) for one in batch]
        return rows


async def _selection(letters: "Letters", wanted: Wanted) -> "Selection":
    """The letters by name whatever their state, or those that wait and fit the filters."""
    from infra.letters import Selection

    if wanted.ids:
        return Selection(ids=await letters.ids(wanted.ids))
    return Selection(tenant_id=wanted.tenant, reason=wanted.reason, state="waiting")
