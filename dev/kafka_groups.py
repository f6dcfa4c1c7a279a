"""Consumer groups on a fresh Kafka, which makes their topic only when it is first asked."""

import asyncio
import time
from typing import Final

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError

from infra.kafka_security import client_security
from infra.settings import Settings

_POLL_SECONDS: Final = 0.05


async def wait_for_groups(settings: Settings, seconds: float) -> None:
    """Return once Kafka takes members of consumer groups; without it they complain at first.

    Raises:
        KafkaError: it cannot be asked, or takes none within `seconds`.
    """
    give_up = time.monotonic() + seconds
    client = AIOKafkaAdminClient(
        bootstrap_servers=settings.kafka_bootstrap_servers, **client_security(settings)
    )
    await client.start()
    try:
        while True:
            try:
                await client.find_coordinator(settings.topic("deskstream.worker"))
            except GroupCoordinatorNotAvailableError:
                if time.monotonic() > give_up:
                    raise
            else:
                return
            await asyncio.sleep(_POLL_SECONDS)
    finally:
        await client.close()
