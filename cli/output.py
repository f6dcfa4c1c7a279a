"""Answers on the screen: JSON for programs, tables for people."""

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.table import Table

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def print_json(value: Any) -> None:  # noqa: ANN401 (any JSON)
    """Print `value` as indented JSON; instants as RFC 3339."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False, default=_instant))


def _instant(value: Any) -> str:  # noqa: ANN401 (what `json` cannot write)
    return str(value.isoformat())


def table(title: str, columns: Iterable[str], rows: Iterable[Iterable[object]]) -> "Table":
    """A table; numbers stand to the right, and a missing value is a dash."""
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    cells = [list(row) for row in rows]
    made = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for index, name in enumerate(columns):
        numeric = any(isinstance(row[index], int | float) for row in cells)
        made.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in cells:
        made.add_row(*(escape(_cell(value)) for value in row))
    return made


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.1f}" if isinstance(value, float) else str(value)
