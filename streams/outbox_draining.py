"""The sync agent's outbox emptied while no worker runs: published, then forgotten."""

from infra.mongo import Mongo, transaction
from infra.publisher import Publisher
from infra.settings import Settings
from streams.change_outbox import ChangeOutbox


async def drain_outbox(settings: Settings, mongo: Mongo) -> None:
    """Write to the log whatever is stored for it; what stands there already comes once more.

    The caller has fenced off every worker.
    """
    publisher = Publisher(settings)
    outbox = ChangeOutbox(mongo, publisher)
    try:
        async with await mongo.start_session() as session, transaction(session):
            rows = await outbox.load(range(settings.kafka_partitions), session)
        await outbox.publish(rows)
        await outbox.forget([row["_id"] for row in rows])
    finally:
        await publisher.stop()
