"""Where alerts begin: at the end of the log as it was when a notifier first started."""

from collections.abc import Sequence

import structlog
from aiokafka.errors import KafkaError
from pymongo.errors import DuplicateKeyError, PyMongoError

from domain.topics import CHANGES
from infra import collections
from infra.backoff import Backoff
from infra.checkpoints import Checkpoints
from infra.log_reader import LogReader
from infra.mongo import Mongo

log = structlog.get_logger()

_FIRST: str = "first_start"


async def begin(
    mongo: Mongo, reader: LogReader, checkpoints: Checkpoints, partitions: Sequence[int]
) -> None:
    """Make the checkpoints that are missing; return when they are there, however long it takes.

    One write says where the log ended on every partition.  A notifier that dies behind it loses
    nothing: its successor makes the rest of the checkpoints at the same offsets.
    """
    backoff = Backoff()
    while True:
        try:
            await checkpoints.create(await _beginnings(mongo, reader, partitions))
        except (KafkaError, PyMongoError) as error:
            log.warning("first_start_delayed", reason=repr(error))
            await backoff.sleep()
        else:
            return


async def _beginnings(mongo: Mongo, reader: LogReader, partitions: Sequence[int]) -> dict[int, int]:
    notifiers = mongo[collections.NOTIFIERS]
    found = await notifiers.find_one({"_id": _FIRST})
    if found is None:
        bounds = await reader.bounds(CHANGES, list(partitions))
        ends = [
            {"partition": partition, "offset": bounds[partition][1]} for partition in partitions
        ]
        try:
            await notifiers.insert_one({"_id": _FIRST, "ends": ends})
            log.info("alerts_begin", offsets={end["partition"]: end["offset"] for end in ends})
        except DuplicateKeyError:
            pass  # another notifier was quicker; its offsets count
        found = await notifiers.find_one({"_id": _FIRST})
    assert found is not None  # noqa: S101 (nothing removes it)
    return {end["partition"]: end["offset"] for end in found["ends"]}
