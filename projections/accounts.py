"""One key in full: what the log demands of it, beside what was found, told as differences."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from projections.differences import Difference, field_differences
from projections.log_facts import Document, Fact
from projections.naive_fold import digest, stamp

_ENTRIES: Final = 10


class Parking(NamedTuple):
    """Why a ticket stands still: its first waiting version, and how many events wait."""

    first: int
    events: int


@dataclass
class Account:
    """A key that looked wrong.  `found_entries` has a digest for each version in the history.

    Of entries that differ the first ten are kept in `wrong_entries`, as the log demands them.
    """

    model: str
    history: str
    key: str
    found: Document | None = None
    found_entries: dict[Any, bytes] = field(default_factory=dict)
    parking: Parking | None = None
    wrong_entries: dict[int, Document] = field(default_factory=dict)
    _expected: Document | None = None
    _stamps: list[bytes] = field(default_factory=list)
    _broken: bool = False
    _wrong: int = 0
    _faults: list[Difference] = field(default_factory=list)
    _rewritten: set[int] = field(default_factory=set)
    _left: dict[int, Document] = field(default_factory=dict)

    def add(self, fact: Fact, value: bytes | None, place: str) -> None:
        """Take in the next record of the key, which stands at `place`."""
        known, version = len(self._stamps), fact.version
        if version <= known:
            self._repeat(version, value, place)
        elif self._broken or version > known + 1:
            if not self._broken:
                self._fault("gap", version, f"version {known + 1}", f"version {version} at {place}")
            self._broken = True
        else:
            self._stamps.append(stamp(value))
            if self.parking is None or version < self.parking.first:
                self._apply(fact)

    def differences(self, entries: dict[int, Document | None]) -> list[Difference]:
        """Everything that differs; `entries` are those found for `wrong_entries`."""
        told = [*self._parked(), *self._faults, *self._document()]
        for version, expected in self.wrong_entries.items():
            told += self._entry(version, expected, entries[version])
        told += self._surplus_entries()
        hidden = self._wrong - len(self.wrong_entries)
        if hidden > 0:
            told.append(
                Difference(self.history, self.key, "field", found=f"{hidden} more entries differ")
            )
        return told or [Difference(self.model, self.key, "passing")]

    def _apply(self, fact: Fact) -> None:
        self._expected = fact.document
        if fact.erases:
            self._begin_anew()
        if fact.entry is not None:
            self._compare(fact.version, fact.entry)
            self._left[fact.version] = fact.left or fact.entry

    def _begin_anew(self) -> None:
        """Of the entries before an erasure nothing is expected but what it left of them."""
        self._wrong, self.wrong_entries = 0, {}
        for version, entry in self._left.items():
            self._compare(version, entry)

    def _compare(self, version: int, entry: Document) -> None:
        if self.found_entries.get(version) != digest(entry):
            self._wrong += 1
            if len(self.wrong_entries) < _ENTRIES:
                self.wrong_entries[version] = entry

    def _repeat(self, version: int, value: bytes | None, place: str) -> None:
        if self._stamps[version - 1] != stamp(value) and version not in self._rewritten:
            self._rewritten.add(version)
            self._fault("rewritten", version, "a repeat of the same bytes", f"others at {place}")

    def _fault(self, kind: Any, version: int, expected: str, found: str) -> None:  # noqa: ANN401
        self._faults.append(
            Difference(self.model, self.key, kind, None, expected, found, version=version)
        )

    def _parked(self) -> Iterator[Difference]:
        if self.parking is not None:
            first, events = self.parking
            waiting = f"{events} events wait in `parked`, from version {first} on"
            yield Difference(self.model, self.key, "parked", None, "applied", waiting, first)

    def _document(self) -> Iterator[Difference]:
        if self._expected is None or self.found is None:
            if self._expected is not None:
                yield Difference(self.model, self.key, "missing")
            elif self.found is not None:
                yield Difference(self.model, self.key, "surplus")
            return
        for name, expected, found in field_differences(self._expected, self.found):
            yield Difference(self.model, self.key, "field", name, expected, found)

    def _entry(
        self, version: int, expected: Document, found: Document | None
    ) -> Iterator[Difference]:
        if found is None:
            yield Difference(self.history, self.key, "missing", version=version)
            return
        for name, one, other in field_differences(expected, found):
            yield Difference(self.history, self.key, "field", name, one, other, version)

    def _surplus_entries(self) -> list[Difference]:
        applied = len(self._stamps)
        if self.parking is not None:
            applied = min(applied, self.parking.first - 1)
        surplus = [v for v in self.found_entries if not (_counts(v) and 1 <= v <= applied)]
        return [
            Difference(self.history, self.key, "surplus", version=v if _counts(v) else None)
            for v in surplus[:_ENTRIES]
        ]


def _counts(version: Any) -> bool:  # noqa: ANN401 (whatever stands in a document)
    return isinstance(version, int) and not isinstance(version, bool)
