"""A part of a partition: the records of some of its keys, read as facts and folded."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final
from zlib import crc32

from domain.errors import UndecodableEventError
from domain.identity import partition_of
from infra.kafka import Record
from infra.log_scan import LogScan
from projections.differences import Difference
from projections.log_facts import Fact
from projections.naive_fold import Fold
from projections.subjects import Model

_LONGEST_REASON: Final = 120


@dataclass(frozen=True)
class Part:
    """The records of a partition whose keys fall into number `number` of `of` parts.

    `tenant` and `only` narrow it further: to the keys of one tenant, to certain record keys.
    """

    model: Model
    partition: int
    number: int = 0
    of: int = 1
    tenant: str | None = None
    only: frozenset[bytes] | None = None

    def holds(self, key: bytes | None) -> bool:
        """True if a record with this key is one of them; one without a key may be."""
        if key is None:
            return self.number == 0
        if self.tenant is not None and key.partition(b":")[0] != self.tenant.encode():
            return False
        if self.only is not None and key not in self.only:
            return False
        return self.of == 1 or crc32(key) % self.of == self.number

    def facts(
        self, records: Iterable[Record], fault: Callable[[Difference], None]
    ) -> Iterator[tuple[Record, Fact]]:
        """What the records of this part say; what is wrong with a record goes to `fault`."""
        for record in records:
            if not self.holds(record.key):
                continue
            try:
                fact = self.model.read(record.value)
            except UndecodableEventError as error:
                fault(self.unreadable(record, error))
                continue
            if fact is None or (self.tenant is not None and fact.tenant_id != self.tenant):
                continue
            if record.key != fact.record_key.encode():
                fault(self._misplaced(record.offset, fact.key, "under another key"))
                continue
            yield record, fact

    def place(self, offset: int) -> str:
        """How a record is named: `tickets.changes[3] offset 17`."""
        return f"{self.model.topic}[{self.partition}] offset {offset}"

    def unreadable(self, record: Record, error: UndecodableEventError) -> Difference:
        """A record that says nothing."""
        reason = error.reason[:_LONGEST_REASON]
        return Difference(self.model.topic, self.place(record.offset), "unreadable", found=reason)

    def misplaced(self, record: Record, fact: Fact, partitions: int) -> Difference | None:
        """What is wrong with the partition of a record, if anything is."""
        right = partition_of(fact.record_key.encode(), partitions)
        if right == self.partition:
            return None
        return self._misplaced(record.offset, fact.key, f"its partition is {right}")

    def _misplaced(self, offset: int, key: str, found: str) -> Difference:
        place = self.place(offset)
        return Difference(self.model.topic, place, "misplaced", expected=key, found=found)


class PartFold:
    """The fold of a part, up to `position`."""

    def __init__(self, part: Part, partitions: int, fault: Callable[[Difference], None]) -> None:
        self.part = part
        self._partitions = partitions
        self._fault = fault
        self.fold = Fold()
        self.position = 0
        self.events = 0

    async def follow(self, scan: LogScan, stop: int, advanced: Callable[[int], None]) -> None:
        """Fold everything before offset `stop`; `advanced` hears by how many offsets.

        Raises:
            LogMismatchError: the log does not reach so far, or begins later.
        """
        part = self.part
        async for records in scan.batches(part.model.topic, part.partition, self.position, stop):
            for record, fact in part.facts(records, self._fault):
                self._add(record, fact)
            advanced(records[-1].offset + 1 - self.position)
            self.position = records[-1].offset + 1
        advanced(max(stop - self.position, 0))
        self.position = max(stop, self.position)

    def _add(self, record: Record, fact: Fact) -> None:
        self.events += 1
        try:
            is_new = self.fold.add(fact, record.value)
        except UndecodableEventError as error:
            self._fault(self.part.unreadable(record, error))
            return
        if is_new and (wrong := self.part.misplaced(record, fact, self._partitions)):
            self._fault(wrong)
