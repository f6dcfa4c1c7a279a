"""The second look: the keys that differ by digest, read once more to say what differs."""

from collections.abc import Sequence

from domain.topics import CHANGES
from infra.log_scan import LogScan
from infra.mongo import Mongo, snapshot
from projections.accounts import Account
from projections.differences import Difference
from projections.log_parts import Part
from projections.naive_fold import digest
from projections.subjects import Model, Subject


class SecondLook:
    """Explains differences of one read model."""

    def __init__(self, mongo: Mongo, scan: LogScan, subject: Subject, model: Model) -> None:
        self._mongo = mongo
        self._scan = scan
        self._subject = subject
        self._model = model
        self._stored = subject.stored(mongo, model)

    async def explain(self, partition: int, keys: Sequence[str]) -> list[list[Difference]]:
        """The differences of each of some keys of a partition, as of now.

        Raises:
            LogMismatchError: the log begins later than its first record.
        """
        accounts = {key: self._account(key) for key in sorted(keys)}
        offset = await self._find(partition, accounts)
        # A ticket's records are found by their key; those of runs have the tenant's.
        only = frozenset(map(str.encode, accounts)) if self._model.topic == CHANGES else None
        part = Part(self._model, partition, only=only)
        async for records in self._scan.batches(self._model.topic, partition, 0, offset):
            for record, fact in part.facts(records, _unheard):
                if account := accounts.get(fact.key):
                    account.add(fact, record.value, part.place(record.offset))
        return [await self._differences(account) for account in accounts.values()]

    def _account(self, key: str) -> Account:
        return Account(self._model.documents, self._model.entries or "", key)

    async def _find(self, partition: int, accounts: dict[str, Account]) -> int:
        """Put into the accounts what one snapshot holds; return the checkpoint in it."""
        keys = list(accounts)
        async with snapshot(self._mongo) as session:
            offset = await self._subject.offset(self._model.topic, partition, session)
            async for document in self._stored.of(keys, session):
                accounts[document["_id"]].found = document
            async for key, entry in self._stored.entries_of(keys, session):
                accounts[key].found_entries[entry.get("version")] = digest(entry)
            for key, parking in (await self._stored.parked(keys, session)).items():
                accounts[key].parking = parking
        return offset

    async def _differences(self, account: Account) -> list[Difference]:
        # Entries are written once, but for an erasure, so that these need no snapshot.
        entries = {
            version: await self._stored.entry(account.key, version)
            for version in account.wrong_entries
        }
        return account.differences(entries)


def _unheard(difference: Difference) -> None:
    """What is wrong with a record was reported by the first reading."""
