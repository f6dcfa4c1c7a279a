"""`python -m benchmarks.chart RESULTS`: draws how near each figure came to its aim.

One bar per figure: how much of its aim it uses, so that shorter is better and the line at 1 is the
aim; beside it the naive variant, where there is one.  The axis is logarithmic.
"""

import math
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import pygal
import typer
from pygal.style import Style

from benchmarks.results import NoResultsError, read
from benchmarks.shares import Bar, bars

CHART: Final = Path(__file__).resolve().parent.parent / "docs" / "benchmarks.svg"
_WIDTH: Final = 1_000
_ROW_HEIGHT: Final = 34
_AROUND: Final = 150
_SVG: Final = "http://www.w3.org/2000/svg"
# What reads the page sets the colours: an image has no other way to be seen on dark and on light.
_COLOURS: Final = """inline:
svg { --ink: #1f2328; --faint: #8c959f; }
@media (prefers-color-scheme: dark) { svg { --ink: #e6edf3; --faint: #7d8590; } }
"""
_STYLE: Final = Style(
    background="transparent",
    plot_background="transparent",
    foreground="var(--ink)",
    foreground_strong="var(--ink)",
    foreground_subtle="var(--faint)",
    guide_stroke_color="var(--faint)",
    major_guide_stroke_color="var(--ink)",
    font_family="system-ui, sans-serif",
    label_font_size=12,
    major_label_font_size=12,
    colors=("#2f81f7", "#bf8700"),
    opacity="1",
)


def drawn(results: Mapping[str, Any]) -> str:
    """The chart of a results file, as SVG."""
    shown = bars(results["figures"])
    lowest, highest = _bounds(shown)
    chart = pygal.HorizontalBar(
        title=f"Benchmarks of {results['at'][:10]}: shorter is better, 1 is the aim",
        style=_STYLE, css=["file://style.css", "file://graph.css", _COLOURS], js=[],
        width=_WIDTH, height=_AROUND + _ROW_HEIGHT * len(shown),
        logarithmic=True, zero=10.0**lowest, range=(10.0**lowest, 10.0**highest),
        margin_right=40, truncate_label=-1,
        legend_at_bottom=True, show_x_guides=True, show_y_guides=False,
    )  # fmt: skip
    chart.uuid = "benchmarks"  # else drawing the same again would give another file
    # The axis counts upwards, and the first figure belongs on top.
    upwards = shown[::-1]
    chart.x_labels = [bar.label for bar in upwards]
    chart.y_labels = [10.0**power for power in range(lowest, highest + 1)]
    chart.y_labels_major = [1.0]
    chart.value_formatter = said_share
    chart.add("Deskstream", [bar.ours for bar in upwards])
    chart.add("naive variant", [bar.naive for bar in upwards])
    return _plain(chart.render_tree())


def said_share(share: float) -> str:
    """A share without needless digits."""
    return f"{share:,.3g}" if share < 1_000 else f"{share:,.0f}"


def _bounds(shown: Sequence[Bar]) -> tuple[int, int]:
    """The powers of ten around all bars and the aim."""
    shares = [share for bar in shown for share in (bar.ours, bar.naive) if share] or [1.0]
    return min(math.floor(math.log10(min(shares))), -1), max(math.ceil(math.log10(max(shares))), 1)


def _plain(tree: ET.Element) -> str:
    """The drawing alone: no scripts, and no remarks, which hold the date."""
    ET.register_namespace("", _SVG)
    for parent in list(tree.iter()):
        for child in list(parent):
            if not isinstance(child.tag, str) or child.tag.endswith("script"):
                parent.remove(child)
    return ET.tostring(tree, encoding="unicode") + "\n"


def main(
    results: Annotated[Path, typer.Argument(help="A file of benchmarks/results.")],
    chart: Annotated[Path, typer.Option(help="Where to draw.")] = CHART,
) -> None:
    """Draw the chart of a results file."""
    try:
        chart.write_text(drawn(read(results)))
    except (NoResultsError, OSError) as error:
        raise typer.BadParameter(str(error)) from None
    typer.echo(f"drawn: {chart}")


app = typer.Typer(add_completion=False)
app.command()(main)

if __name__ == "__main__":
    app()
