"""Figures: what was measured, against what is aimed at, and where the time went."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from rich.table import Table


@dataclass(frozen=True)
class Figure:
    """One measurement of section 14 of the contract.

    `details` are other readings of the same measurement, in its unit but for `samples`, a number.
    `naive` is what the plainest way to the same end took in the same run, in the same unit.
    `cpu` is the cores kept busy, by process; `samples` are readings on the way.
    """

    name: str
    value: float
    unit: str
    aim: float
    more_is_better: bool
    details: Mapping[str, float] = field(default_factory=dict)
    naive: float | None = None
    cpu: Mapping[str, float] = field(default_factory=dict)
    memory_megabytes: Mapping[str, float] = field(default_factory=dict)
    samples: Sequence[Mapping[str, float]] = ()

    @property
    def is_reached(self) -> bool:
        """True if the aim is met."""
        return self.value >= self.aim if self.more_is_better else self.value <= self.aim

    @property
    def ratio(self) -> float | None:
        """How many times better than the naive variant; None without one, or without measure."""
        if not self.naive or not self.value:
            return None
        return self.value / self.naive if self.more_is_better else self.naive / self.value

    def as_json(self) -> dict[str, Any]:
        """The figure for the results file."""
        return {**asdict(self), "ratio": self.ratio, "reached": self.is_reached}


@dataclass
class Outcome:
    """What came of a row: its figures, the seconds it took, and why it failed if it did."""

    row: str
    figures: list[Figure] = field(default_factory=list)
    seconds: float = 0.0
    failed: str | None = None


def cpu_share(
    before: Mapping[str, float], after: Mapping[str, float], seconds: float
) -> dict[str, float]:
    """Cores that each process kept busy between two readings; sums to at most the machine's."""
    used = {name: (after[name] - before.get(name, 0.0)) / seconds for name in after}
    return {name: round(cores, 2) for name, cores in used.items() if cores >= 0.01}


def table(outcomes: Sequence[Outcome]) -> Table:
    """The figures for the screen, and the rows that failed."""
    view = Table(title="Deskstream benchmarks")
    for column in ("figure", "measured", "aim", "", "naive", "ratio"):
        view.add_column(column, justify="left" if column in ("figure", "") else "right")
    for outcome in outcomes:
        for figure in outcome.figures:
            view.add_row(*_cells(figure))
        if outcome.failed is not None:
            view.add_row(f"{outcome.row}: {outcome.failed}", "", "", "[red]failed")
    return view


def said(value: float) -> str:
    """A number with as many digits as one looks at."""
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:,.1f}"


def _cells(figure: Figure) -> Iterator[str]:
    yield figure.name
    yield _measured(figure)
    yield f"{'≥' if figure.more_is_better else '≤'} {said(figure.aim)}"
    yield "[green]reached" if figure.is_reached else "[red]missed"
    yield "" if figure.naive is None else said(figure.naive)
    yield "" if figure.ratio is None else f"{figure.ratio:,.1f}x"


def sentence(figure: Figure) -> str:
    """A figure in one line, with its other readings, the cores that were busy, and memory."""
    readings = [f"{name} {said(value)}" for name, value in figure.details.items()]
    cores = [f"{name} {busy:.2f}" for name, busy in figure.cpu.items()]
    memory = [f"{name} {megabytes:.0f} MB" for name, megabytes in figure.memory_megabytes.items()]
    more = "; ".join(", ".join(part) for part in (readings, cores, memory) if part)
    return f"{figure.name}: {_measured(figure)}" + (f" ({more})" if more else "")


def _measured(figure: Figure) -> str:
    return f"{said(figure.value)} {figure.unit}".rstrip()
