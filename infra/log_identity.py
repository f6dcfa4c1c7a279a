"""Whether a partition still is the log that a checkpoint was made on."""

from collections.abc import Mapping

from domain.errors import LogMismatchError
from infra.checkpoints import Checkpoint, record_hash
from infra.log_reader import LogReader


async def objections(
    reader: LogReader, topic: str, checkpoints: Mapping[int, Checkpoint]
) -> dict[int, str | None]:
    """Why each partition must not be worked on, or None if all is well.

    A topic that was deleted and made again, or whose head was cut, would lose records silently.
    """
    bounds = await reader.bounds(topic, list(checkpoints))
    return {
        partition: await _objection(reader, topic, checkpoint, *bounds[partition])
        for partition, checkpoint in checkpoints.items()
    }


async def _objection(
    reader: LogReader, topic: str, checkpoint: Checkpoint, start: int, end: int
) -> str | None:
    position = checkpoint.next_offset
    if not start <= position <= end:
        return f"the checkpoint is at {position}, the log holds {start} to {end}"
    if checkpoint.last is None or start == position:
        return None
    try:
        read, _ = await reader.read(topic, checkpoint.partition, position - 1, position)
    except LogMismatchError as error:
        return error.reason
    if read and record_hash(read[0].value) != checkpoint.last:
        return f"the record before {position} is another one"
    return None
