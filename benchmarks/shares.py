"""How much of its aim each figure of a results file uses: less is better, 1 is the aim."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from benchmarks.figures import said


class Bar(NamedTuple):
    """What one figure shows: its words, and the shares of its aim that ours and naive use."""

    label: str
    ours: float
    naive: float | None


def bars(figures: Sequence[Mapping[str, Any]]) -> list[Bar]:
    """The figures of a results file that have a measure: an aim of none, or nothing, has none."""
    return [_bar(figure) for figure in figures if figure["aim"] and figure["value"]]


def _bar(figure: Mapping[str, Any]) -> Bar:
    naive = figure.get("naive")
    words = f"{figure['name']}: {said(figure['value'])} {figure['unit']}".rstrip()
    beside = "" if naive is None else f"; naive {said(naive)}"
    sign = "≥" if figure["more_is_better"] else "≤"
    return Bar(
        f"{words} (aim {sign} {said(figure['aim'])}{beside})",
        _share(figure, figure["value"]),
        _share(figure, naive) if naive else None,
    )


def _share(figure: Mapping[str, Any], value: float) -> float:
    share: float = figure["aim"] / value if figure["more_is_better"] else value / figure["aim"]
    return share
