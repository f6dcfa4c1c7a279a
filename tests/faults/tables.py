"""Tables that fault tests leave behind, for the end of the session's output."""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass
class Table:
    """Rows under a title; rows of several tests may go into one."""

    title: str
    columns: Sequence[str]
    rows: list[tuple[str, ...]] = field(default_factory=list)

    def add(self, *cells: object) -> None:
        """One more row."""
        self.rows.append(tuple(map(str, cells)))

    def text(self) -> str:
        """The table as it is printed, its title left out."""
        lines = [tuple(self.columns), *self.rows]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        lines.insert(1, tuple("-" * width for width in widths))
        padded = (
            " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
            for line in lines
        )
        return "\n".join(line.rstrip() for line in padded)


class Tables:
    """The tables of a session, in the order of their first rows."""

    def __init__(self) -> None:
        self.all: dict[str, Table] = {}

    def table(self, title: str, *columns: str) -> Table:
        """The table of this title, made where there is none."""
        return self.all.setdefault(title, Table(title, columns))
