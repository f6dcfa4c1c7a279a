"""What a row is measured with, and what a row is."""

from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, TypeAlias

from benchmarks.figures import Figure
from dev.engines import Engines


@dataclass(frozen=True)
class Bench:
    """Running engines, a folder for logs, and how much is asked for.

    `sizes` are workloads that the command line names, by row; `chosen` the rows to measure, which
    matters where several are measured on one set of tickets.
    """

    engines: Engines
    logs: Path
    scale: float = 1.0
    chosen: frozenset[str] = frozenset()
    sizes: Mapping[str, int] = field(default_factory=dict)
    seed: int = 1

    def scaled(self, count: float, *, least: int = 1) -> int:
        """So many at this scale, but no fewer than `least`."""
        return max(round(count * self.scale), least)

    def size(self, row: str, count: int, *, least: int = 1) -> int:
        """The size that the command line gives a row, else `count` at this scale."""
        return self.sizes.get(row) or self.scaled(count, least=least)


Measure: TypeAlias = Callable[[Bench], AsyncGenerator[Figure]]


class Row(NamedTuple):
    """Figures that are measured together; `minutes` is about how long that takes at scale 1."""

    names: tuple[str, ...]
    minutes: float
    measure: Measure
    in_contract: bool = True
