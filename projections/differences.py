"""What a verification found: each difference in words that give no ticket's text away."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple

Kind = Literal[
    "field",  # a value is another one
    "missing",  # a document that the log demands is not there
    "surplus",  # a document that the log does not know
    "parked",  # its events wait, as the first of them could not be applied
    "gap",  # its versions in the log are not 1, 2, 3...
    "rewritten",  # a version stands in the log twice, with different content
    "misplaced",  # a record's key or partition is not that of its ticket
    "unreadable",  # a record that no version of the contract explains
    "passing",  # it differed, and no longer does
]

EXPLAINED: Final = 100
_LONGEST: Final = 80
_TEXTS: Final = frozenset({"subject", "message", "text"})
_ABSENT: Final = object()


class Difference(NamedTuple):
    """One thing that differs.

    `model` is a read model or a topic, `key` a document's `_id` or a record's place, `version`
    that of a history entry or an event.
    """

    model: str
    key: str
    kind: Kind
    field: str | None = None
    expected: str | None = None
    found: str | None = None
    version: int | None = None


class Verified(NamedTuple):
    """How far a partition was verified: all records before `next_offset`."""

    topic: str
    partition: int
    next_offset: int


@dataclass
class Report:
    """The outcome: `differing` counts tickets, runs, surplus documents and unreadable records.

    `differences` explains the first hundred of them; `unchecked` says what could not be verified,
    and why.
    """

    events: int = 0
    documents: int = 0
    differing: int = 0
    differences: list[Difference] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)
    verified: list[Verified] = field(default_factory=list)
    explained: int = 0

    def add(self, *differences: Difference) -> None:
        """Count one thing that differs, and keep what there is to say while there is room."""
        self.differing += 1
        if self.explained < EXPLAINED:
            self.explained += 1
            self.differences += differences

    def join(self, other: "Report") -> None:
        """Take in what was found elsewhere."""
        self.events += other.events
        self.documents += other.documents
        self.differing += other.differing
        self.unchecked += other.unchecked
        self.verified += other.verified
        if self.explained < EXPLAINED:
            self.explained += other.explained
            self.differences += other.differences


def field_differences(
    expected: Any,  # noqa: ANN401 (values of documents)
    found: Any,  # noqa: ANN401
    name: str = "",
    *,
    secret: bool = False,
) -> Iterator[tuple[str, str, str]]:
    """Each value that differs: its dotted name, and both values as they may be shown."""
    if isinstance(expected, dict) and isinstance(found, dict):
        hidden = secret or expected.get("field") in _TEXTS or found.get("field") in _TEXTS
        for part in {**expected, **found}:
            yield from field_differences(
                expected.get(part, _ABSENT),
                found.get(part, _ABSENT),
                f"{name}.{part}" if name else str(part),
                secret=part in _TEXTS or (hidden and part in ("old", "new")),
            )
    elif isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        for index, (one, other) in enumerate(zip(expected, found, strict=True)):
            yield from field_differences(one, other, f"{name}.{index}", secret=secret)
    elif not _same(expected, found):
        yield name, _shown(expected, secret=secret), _shown(found, secret=secret)


def _same(one: Any, other: Any) -> bool:  # noqa: ANN401
    """True if they are equal also in kind: Python takes 1, 1.0 and True for the same."""
    kinds = all(isinstance(one, kind) == isinstance(other, kind) for kind in (bool, float))
    return kinds and bool(one == other)


def _shown(value: Any, *, secret: bool) -> str:  # noqa: ANN401
    if value is _ABSENT:
        return "absent"
    if value is None or isinstance(value, bool | int | float):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if secret or isinstance(value, dict | list):
        # The text of a ticket, or something that may hold it.
        size = f"{len(value)} {'characters' if isinstance(value, str) else 'parts'}"
        mark = hashlib.blake2b(repr(value).encode(errors="replace"), digest_size=4).hexdigest()
        return f"{size}, #{mark}"
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
