"""How `tickets.changes` grew between two moments, counted record by record."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from domain.errors import UndecodableEventError
from domain.events import ChangeEvent, decode
from domain.topics import CHANGES
from infra.log_reader import LogReader
from infra.settings import Settings

_CHUNK: Final = 2_000


class Growth(NamedTuple):
    """Records that were appended, and how many of them are change events: the rest are markers."""

    records: int
    events: int


async def end_of_log(settings: Settings) -> dict[int, int]:
    """The end offset of every partition."""
    reader = LogReader(settings)
    try:
        bounds = await reader.bounds(CHANGES, await reader.partitions(CHANGES))
    finally:
        await reader.stop()
    return {partition: end for partition, (_, end) in bounds.items()}


async def growth_since(settings: Settings, before: Mapping[int, int]) -> Growth:
    """What was appended after `before`, read and decoded."""
    reader = LogReader(settings)
    records = events = 0
    try:
        bounds = await reader.bounds(CHANGES, list(before))
        for partition, position in before.items():
            end = bounds[partition][1]
            while position < end:
                some, position = await reader.read(CHANGES, partition, position, end, limit=_CHUNK)
                records += len(some)
                events += sum(_is_change(record.value) for record in some)
    finally:
        await reader.stop()
    return Growth(records, events)


def _is_change(value: bytes | None) -> bool:
    try:
        return isinstance(decode(value), ChangeEvent)
    except UndecodableEventError:
        return False
