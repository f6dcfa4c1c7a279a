"""Figures: what was measured, against what is aimed at, and where the time went."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from rich.table import Table


@dataclass(frozen=True)
class Figure:
    """One row of section 14 of the contract.

    `cpu` is the cores kept busy, by process; `samples` are readings on the way.
    """

    name: str
    value: float
    unit: str
    aim: float
    more_is_better: bool
    cpu: Mapping[str, float] = field(default_factory=dict)
    memory_megabytes: Mapping[str, float] = field(default_factory=dict)
    samples: Sequence[Mapping[str, float]] = ()

    @property
    def is_reached(self) -> bool:
        """True if the aim is met."""
        return self.value >= self.aim if self.more_is_better else self.value <= self.aim

    def as_json(self) -> dict[str, Any]:
        """The figure for the results file."""
        return {**asdict(self), "reached": self.is_reached}


def cpu_share(
    before: Mapping[str, float], after: Mapping[str, float], seconds: float
) -> dict[str, float]:
    """Cores that each process kept busy between two readings; sums to at most the machine's."""
    used = {name: (after[name] - before.get(name, 0.0)) / seconds for name in after}
    return {name: round(cores, 2) for name, cores in used.items() if cores >= 0.01}


def table(figures: list[Figure]) -> Table:
    """The figures for the screen."""
    view = Table(title="Deskstream benchmarks")
    for column in ("figure", "measured", "aim", "", "cores busy", "MB"):
        view.add_column(column, justify="right" if column in ("measured", "aim") else "left")
    for figure in figures:
        view.add_row(
            figure.name,
            f"{figure.value:,.1f} {figure.unit}",
            f"{'≥' if figure.more_is_better else '≤'} {figure.aim:,.0f}",
            "[green]reached" if figure.is_reached else "[red]missed",
            "  ".join(f"{name} {cores:.2f}" for name, cores in figure.cpu.items()),
            "  ".join(f"{name} {mb:.0f}" for name, mb in figure.memory_megabytes.items()),
        )
    return view
