"""A rewrite of the log: copied without what was erased, held against it, put in its place."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cli.counting import counting
from domain.errors import DeskstreamError

if TYPE_CHECKING:
    from domain.log_rewriting import Erasures
    from infra.kafka import Record
    from infra.log_copy import LogCopy
    from infra.mongo import Mongo
    from infra.settings import Settings
    from infra.topic_admin import TopicAdmin

_REPLACING: Final = "replacing"
_GROUPS: Final = (
    "deskstream.worker",
    "deskstream.projector.tickets.changes",
    "deskstream.notifier",
)


@dataclass
class Rewritten:
    """What a rewrite did: it copied `records`, and knew of so many `erased` tickets."""

    records: int = 0
    erased: int = 0
    replaced: bool = False


class LogRewrite:
    """One rewrite; whoever was killed runs it again."""

    def __init__(
        self, settings: "Settings", mongo: "Mongo", copy: "LogCopy", topics: "TopicAdmin"
    ) -> None:
        self._settings = settings
        self._mongo = mongo
        self._copy = copy
        self._topics = topics
        self.outcome = Rewritten()

    async def run(self, *, delete_old: bool) -> Rewritten:
        """Copy and compare; with `delete_old` of a closed log, which the copy then replaces.

        Raises:
            LogClosedError: a rewrite that deletes the old log was begun and is not over.
            LogMismatchError: the copy is not what it should be; it was removed.
            DeskstreamError: somebody still works, or follows the log at a distance.
        """
        from infra import log_closing

        phase = await log_closing.phase(self._mongo)
        if delete_old:
            await self._refuse_company()  # before they are fenced off
            await log_closing.close(self._mongo)
            await self._refuse_company()  # who came in between
            await self._drain_outbox()
        elif phase is not None:
            raise log_closing.LogClosedError
        if phase != _REPLACING:
            await self._make_copy(is_closed=delete_old)
        if delete_old:
            await self._replace()
        return self.outcome

    async def _refuse_company(self) -> None:
        names = [self._settings.topic(group) for group in _GROUPS]
        members = await self._topics.members(names)
        found = [f"{name} has {count} members" for name, count in members.items()]
        rebuilds = self._mongo["rebuilds"].find({}, {"_id": 1})
        found += [f"a rebuild of {d['_id']} is under way" async for d in rebuilds]
        if found:
            raise DeskstreamError(f"stop every process first: {', '.join(found)}")

    async def _refuse_lag(self) -> None:
        """What readers see is held against the log, so all of it must be applied."""
        from domain.topics import CHANGES
        from infra import log_closing
        from projections.subjects import live_subject

        subject = await live_subject(self._mongo)
        behind = {
            partition: end - applied
            for partition, end in (await self._copy.ends(CHANGES)).items()
            if end > (applied := await subject.offset(CHANGES, partition))
        }
        if behind:
            await log_closing.reopen(self._mongo, {})
            raise DeskstreamError(
                f"the projector is {sum(behind.values()):,} records behind: start the processes, "
                "let them catch up, stop them, and run it again"
            )

    async def _drain_outbox(self) -> None:
        """What the sync agent wrote last may not stand in the log yet, or once more is harmless."""
        from streams.outbox_draining import drain_outbox

        await drain_outbox(self._settings, self._mongo)

    async def _make_copy(self, *, is_closed: bool) -> None:
        from domain.errors import LogMismatchError
        from domain.topics import CHANGES
        from infra import log_closing
        from infra.log_copy import COPY
        from projections.rewritten_records import objection

        if is_closed:
            await self._refuse_lag()
        erasures = await self._erasures()
        self.outcome.erased = len(erasures)
        await self._begin_copy(erasures)
        try:
            with counting("copy", self.outcome.records, "records") as progress:
                await self._copy.copy(CHANGES, COPY, erasures.rewritten, progress)
            with counting("compare", self.outcome.records, "records") as progress:
                await self._copy.compare(CHANGES, COPY, objection, progress)
            if is_closed:
                await self._verify()
        except LogMismatchError:
            await self._topics.remove(COPY)  # the next run begins a new one
            if is_closed:
                await log_closing.reopen(self._mongo, {})
            raise

    async def _erasures(self) -> "Erasures":
        from domain.log_rewriting import Erasures
        from domain.topics import CHANGES

        erasures = Erasures()
        ends = await self._copy.ends(CHANGES)
        self.outcome.records = sum(ends.values())
        with counting("search", self.outcome.records, "records") as progress:
            for partition, end in ends.items():
                async for records in self._copy.records(CHANGES, partition, 0, end):
                    for record in records:
                        erasures.note(record.value)
                    progress(len(records))
        return erasures

    async def _begin_copy(self, erasures: "Erasures") -> None:
        """Go on with a copy that was made for the same erasures; no other is of any use."""
        from domain.topics import CHANGES, TOPICS
        from infra.log_copy import COPY

        copies, mark = self._mongo["log_rewrites"], erasures.fingerprint()
        known = await copies.find_one({"_id": COPY})
        if known is None or known["erasures"] != mark:
            await self._topics.remove(COPY)
            said = {"$set": {"erasures": mark, "phase": "copying"}}
            await copies.update_one({"_id": COPY}, said, upsert=True)
        [spec] = [spec for spec in TOPICS if spec.name == CHANGES]
        await self._topics.make(COPY, spec)

    async def _verify(self) -> None:
        """The independent fold of the copy must be what readers see."""
        from domain.errors import LogMismatchError
        from infra.log_copy import COPY
        from infra.log_reader import LogReader
        from infra.log_scan import LogScan
        from projections.subjects import live_subject
        from projections.verification import verify
        from projections.verification_task import Sources

        copied = _reading_the_copy(self._settings)
        reader, scan = LogReader(copied), LogScan(copied)
        try:
            sources, subject = Sources(self._mongo, reader, scan), await live_subject(self._mongo)
            report = await verify(sources, subject, tenant=None, watch=lambda _: None)
        finally:
            await scan.stop()
            await reader.stop()
        if report.differing or report.unchecked:
            found = [*(f"{d.model} {d.key}" for d in report.differences), *report.unchecked]
            reason = f"its fold is not what readers see: {'; '.join(found[:5])}"
            raise LogMismatchError(COPY, 0, reason)

    async def _replace(self) -> None:
        """Delete the log, and make it anew of the copy, which holds all of it until the end."""
        from domain.topics import CHANGES, TOPICS
        from infra import crash_points, log_closing
        from infra.log_copy import COPY

        [spec] = [spec for spec in TOPICS if spec.name == CHANGES]
        await log_closing.note(self._mongo, _REPLACING)
        crash_points.reached("log_replacing")
        self.outcome.records = sum((await self._copy.ends(COPY)).values())
        await self._topics.remove(CHANGES)
        crash_points.reached("log_removed")
        await self._topics.make(CHANGES, spec)
        with counting("replace", self.outcome.records, "records") as progress:
            await self._copy.copy(COPY, CHANGES, _as_it_is, progress)
        with counting("compare", self.outcome.records, "records") as progress:
            await self._copy.compare(COPY, CHANGES, _differs, progress)
        crash_points.reached("log_replaced")
        await self._reopen()
        await self._topics.remove(COPY)
        await self._mongo["log_rewrites"].delete_one({"_id": COPY})
        self.outcome.replaced = True

    async def _reopen(self) -> None:
        from domain.topics import CHANGES
        from infra import log_closing
        from infra.retrying import in_transaction

        last = {}
        for checkpoint in await log_closing.checkpoints_on(self._mongo):
            place = checkpoint["partition"], checkpoint["next_offset"] - 1
            last[checkpoint["_id"]] = (await self._copy.record(CHANGES, *place)).value
        await in_transaction(self._mongo, lambda s: log_closing.reopen(self._mongo, last, s))


def _as_it_is(_key: bytes | None, value: bytes | None) -> bytes:
    return value or b""


def _differs(old: "Record", new: "Record") -> str | None:
    return None if old == new else "it is not the record of the copy"


def _reading_the_copy(settings: "Settings") -> "Settings":
    """Settings by which whoever reads `tickets.changes` reads the copy."""
    from domain.topics import CHANGES
    from infra.log_copy import COPY
    from infra.settings import Settings

    class Redirected(Settings):
        def topic(self, name: str) -> str:
            return super().topic(COPY if name == CHANGES else name)

    return Redirected.model_construct(**dict(settings))


@asynccontextmanager
async def rewriting(settings: "Settings") -> AsyncIterator[LogRewrite]:
    """A rewrite with its connections, inside the block."""
    from infra.collections import ensure_collections
    from infra.log_copy import LogCopy
    from infra.log_reader import LogReader
    from infra.mongo import Mongo
    from infra.publisher import Publisher
    from infra.topic_admin import TopicAdmin

    async with AsyncExitStack() as stack:
        mongo, reader, publisher = Mongo(settings), LogReader(settings), Publisher(settings)
        stack.callback(mongo.close)
        stack.push_async_callback(reader.stop)
        stack.push_async_callback(publisher.stop)
        await ensure_collections(mongo)
        topics = await stack.enter_async_context(TopicAdmin(settings, mongo))
        yield LogRewrite(settings, mongo, LogCopy(settings, reader, publisher), topics)
