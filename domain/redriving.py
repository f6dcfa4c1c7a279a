"""The marks of a redriven record: which dead letter it was, and when it first arrived."""

from collections.abc import Sequence
from typing import Final, NamedTuple, TypeAlias

Headers: TypeAlias = Sequence[tuple[str, bytes]]

_LETTER: Final = "redrive-letter"
_ARRIVED: Final = "redrive-arrived"
_MARKS: Final = (_LETTER, _ARRIVED)
_LONGEST_NUMBER: Final = 15  # digits


class RedriveMarks(NamedTuple):
    """The id of the dead letter, and the Kafka timestamp of its first arrival in milliseconds.

    The timestamp stands in for the `time` of a record that has none, as if it never had failed.
    """

    letter_id: str
    arrived: int | None


def redrive_marks(headers: Headers) -> RedriveMarks | None:
    """The marks among `headers`; None for a record that was never redriven."""
    marks = {name: value or b"" for name, value in headers if name in _MARKS}
    if not marks.get(_LETTER):
        return None
    arrived = marks.get(_ARRIVED, b"")
    known = arrived.isdigit() and len(arrived) <= _LONGEST_NUMBER
    return RedriveMarks(marks[_LETTER].decode(errors="replace"), int(arrived) if known else None)


def unmarked(headers: Headers) -> list[tuple[str, bytes]]:
    """`headers` as they were before any redrive."""
    return [(name, value) for name, value in headers if name not in _MARKS]


def marked(headers: Headers, marks: RedriveMarks) -> list[tuple[str, bytes]]:
    """`headers` with these marks, and no others."""
    added = [(_LETTER, marks.letter_id.encode())]
    if marks.arrived is not None:
        added.append((_ARRIVED, str(marks.arrived).encode()))
    return unmarked(headers) + added
