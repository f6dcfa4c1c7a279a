"""Documents that the log does not know: every key in the read models, looked up in it."""

from collections.abc import AsyncIterator, Iterable

from domain.identity import partition_of
from infra.log_scan import LogScan
from infra.mongo import Mongo
from projections.differences import Difference
from projections.known_keys import KnownKeys
from projections.log_parts import Part
from projections.subjects import Model, Subject


class SurplusSearch:
    """A search beside the writers: a key that is new to it is looked up in the log's tail.

    `tails` has the offset up to which each partition's keys are known; the keys of partitions
    that are not in it are passed over.
    """

    def __init__(
        self, mongo: Mongo, scan: LogScan, subject: Subject, model: Model, known: KnownKeys
    ) -> None:
        self._mongo = mongo
        self._scan = scan
        self._subject = subject
        self._model = model
        self._known = known

    async def search(
        self, tenant: str | None, tails: dict[int, int], partitions: int
    ) -> AsyncIterator[Difference]:
        """Each document, and each ticket's history, that should not be there."""
        stored = self._subject.stored(self._mongo, self._model)
        kinds = [(self._model.documents, stored.keys(tenant))]
        if self._model.entries is not None:
            kinds.append((self._model.entries, stored.keys_of_entries(tenant)))
        for name, batches in kinds:
            last = None
            async for keys in batches:
                for key in await self._unknown(keys, tails, partitions):
                    if key != last:
                        yield Difference(name, key, "surplus")
                    last = key

    async def _unknown(
        self, keys: Iterable[str], tails: dict[int, int], partitions: int
    ) -> list[str]:
        strange = [
            key
            for key in keys
            if key not in self._known and partition_of(_bytes(key), partitions) in tails
        ]
        if strange:
            # What was read has been committed, and with it the checkpoint behind its record.
            await self._extend(tails)
        return [key for key in strange if key not in self._known]

    async def _extend(self, tails: dict[int, int]) -> None:
        """Learn the keys of what was applied since."""
        topic = self._model.topic
        for partition, position in tails.items():
            offset = await self._subject.offset(topic, partition)
            part = Part(self._model, partition)
            async for records in self._scan.batches(topic, partition, position, offset):
                for _, fact in part.facts(records, _unheard):
                    self._known.note(fact.key)
            tails[partition] = max(offset, position)


def _bytes(key: str) -> bytes:
    return key.encode(errors="replace")


def _unheard(difference: Difference) -> None:
    """Every later verification reports it."""
