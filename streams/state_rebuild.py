"""The sync agent's state made anew from `tickets.changes`, compared, and put right where it errs.

The log is folded beside the live state, in bounded memory, while workers go on.  Where the two
seem to differ, a transaction decides: it writes the checkpoint of the ticket's partition first, so
that no worker commits there until it has, adds what the log got meanwhile and what the outbox
still holds, compares once more, and replaces what contradicts the log.  A worker that read the old
state meets that transaction, in the checkpoint and in the ticket, and begins its batch anew.  So a
state that is right is never touched, and one that is wrong is right for whoever writes next.

A state that agrees stays, with all that the log does not hold.  One that is replaced forgets:
records that changed nothing, by id and by time, so that a late repeat of one is judged by its
instants (a replay believes only what is newer than the last change); who showed the ticket last
without changing it, so that a deletion found by a crawl may wait for the next; stale content that
its source insisted on, so that it takes two crawls again.  Raw positions stay in the checkpoints,
and deletions of tickets that were never seen in the states of version 0: no log tells of them.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from domain.errors import LogMismatchError
from domain.state_agreement import disagreements
from domain.topics import CHANGES
from infra import crash_points
from infra.log_reader import LogReader
from infra.mongo import Mongo
from infra.settings import Settings
from streams.log_tail import LogTail
from streams.state_settling import StateDifference, StateSettling
from streams.state_shadow import StateShadow
from streams.state_store import StateStore

Progress: TypeAlias = Callable[[str, int, int], None]

_PAGE: Final = 500
_LISTED: Final = 1000


@dataclass
class StateReport:
    """What a rebuild read and found.

    `different` states contradicted the log, and were replaced unless only a report was wanted;
    `differences` holds the first 1,000 of them.  `records` of the log told of `tickets`.
    """

    records: int = 0
    tickets: int = 0
    different: int = 0
    differences: list[StateDifference] = field(default_factory=list)


async def rebuild_state(
    settings: Settings, mongo: Mongo, *, progress: Progress, repair: bool = True
) -> StateReport:
    """Compare the sync agent's state with the log, and with `repair` put it right.

    `progress` is told a phase, `log` or `tickets`, how much of it is done, and of how much.

    Raises:
        LogMismatchError: the log does not begin with its first record, or lacks events.
        ShadowLostError: another rebuild of the state began.
    """
    reader = LogReader(settings)
    shadow = StateShadow(mongo, uuid.uuid4().hex)
    try:
        tail = await _tail(reader, shadow)
        partitions = settings.kafka_partitions
        settling = StateSettling(mongo, shadow, tail, partitions, repair=repair)
        await settling.prepare(reader)
        await shadow.begin()
        report = StateReport()
        await _read_log(tail, report, progress)
        await _compare(mongo, shadow, settling, report, progress)
        return report
    finally:
        await shadow.drop()
        await reader.stop()


async def _tail(reader: LogReader, shadow: StateShadow) -> LogTail:
    partitions = await reader.partitions(CHANGES)
    for partition, (start, _) in (await reader.bounds(CHANGES, partitions)).items():
        if start:
            reason = f"the log begins at {start}, so it does not tell of every ticket"
            raise LogMismatchError(CHANGES, partition, reason)
    return LogTail(reader, shadow, partitions)


async def _read_log(tail: LogTail, report: StateReport, progress: Progress) -> None:
    """Fold the log as long as it is now; what comes meanwhile is folded where it matters."""
    ends = await tail.ends()
    total = sum(ends.values())
    for partition, end in ends.items():
        async for count in tail.absorb(partition, end):
            report.records += count
            progress("log", report.records, total)
    crash_points.reached("state_log_read")


async def _compare(
    mongo: Mongo,
    shadow: StateShadow,
    settling: StateSettling,
    report: StateReport,
    progress: Progress,
) -> None:
    """Walk through both by key, and have a transaction settle whatever seems to differ."""
    store = StateStore(mongo)
    total = await store.count()
    walked, last = 0, ""
    while True:
        live, told = await store.page(last, _PAGE), await shadow.page(last, _PAGE)
        full = [max(page) for page in (live, told) if len(page) == _PAGE]
        last = min(full, default="")
        keys = [key for key in live.keys() | told.keys() if not full or key <= last]
        doubtful = [key for key in keys if disagreements(live.get(key), told.get(key))]
        found = await settling.settle(doubtful)
        report.different += len(found)
        report.differences += found[: _LISTED - len(report.differences)]
        report.tickets += sum(key in told for key in keys)
        walked += len(keys)
        progress("tickets", walked, max(total, walked))
        if not full:
            return
