"""`python -m benchmarks`: measures section 14 of the contract on this machine."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console

from benchmarks.bench import Row
from benchmarks.figures import Figure, Outcome, sentence, table
from benchmarks.measuring import Asked, measure
from benchmarks.results import keep as keep_results
from benchmarks.results import path_for
from benchmarks.rows import ROWS, UnknownRowError, chosen, names, rows_of
from dev.kafka_jars import JARS, install_jars

_WHOLE = round(sum(row.minutes for row in ROWS if row.in_contract))
_OTHERS = names(row for row in ROWS if not row.in_contract)
_EACH = ", ".join(f"{' + '.join(row.names)} {row.minutes:.0f}" for row in ROWS)
_HELP = (
    f"Measure every row of section 14 of the contract: about {_WHOLE} minutes on two cores.\n\n"
    "Prints a table, and keeps the figures as JSON, also those of rows before one that fails; then"
    f" it ends with 1. Each row has engines of its own. Minutes: {_EACH};"
    f" {' and '.join(_OTHERS)} only if asked for. `--scale 0.01` tries everything out within"
    " minutes, for figures that mean nothing."
)


def main(  # noqa: PLR0913, PLR0917 (options)
    only: Annotated[
        list[str] | None, typer.Option(help=f"This row; again for more: {', '.join(names())}.")
    ] = None,
    scale: Annotated[float, typer.Option(min=0.0001, help="Of every workload.")] = 1.0,
    long_crawl: Annotated[int, typer.Option(min=0, help="Crawl so many tickets.")] = 0,
    rebuild: Annotated[int, typer.Option(min=0, help="Rebuild so many events.")] = 0,
    alerts: Annotated[int, typer.Option(min=0, help="Deliver so many alerts.")] = 0,
    minutes: Annotated[int, typer.Option(min=0, help="Soak so long.")] = 0,
    seed: Annotated[int, typer.Option(help="Of the soak's faults.")] = 1,
    keep: Annotated[bool, typer.Option(help="Write the results file.")] = True,
) -> None:
    """Measure, print a table, and keep the figures as JSON."""
    given = {"long-crawl": long_crawl, "rebuild": rebuild, "alerts": alerts, "soak": minutes}
    sizes = {name: size for name, size in given.items() if size}
    try:
        # A size alone chooses its row.
        wanted = chosen([*(only or ()), *sizes])
    except UnknownRowError as error:
        raise typer.BadParameter(str(error), param_hint="--only") from None
    install_jars(JARS)
    outcomes = _measure(rows_of(wanted), Asked(scale, wanted, sizes, seed), keep=keep)
    Console().print(table(outcomes))
    if any(outcome.failed is not None for outcome in outcomes):
        raise typer.Exit(1)


def _measure(rows: Sequence[Row], asked: Asked, *, keep: bool) -> list[Outcome]:
    """Measure row after row; the file holds at any time what was measured so far."""
    began = datetime.now(UTC)
    path = path_for(began)
    outcomes: list[Outcome] = []
    for row in rows:
        outcome = measure(row, asked, _say)
        if outcome.failed is not None:
            typer.echo(f"{outcome.row} failed: {outcome.failed}", err=True)
        outcomes.append(outcome)
        if keep:
            keep_results(path, began, asked.scale, outcomes)
    if keep:
        typer.echo(f"kept in benchmarks/results/{path.name}")
    return outcomes


def _say(figure: Figure) -> None:
    typer.echo(sentence(figure))


app = typer.Typer(add_completion=False)
app.command(help=_HELP)(main)

if __name__ == "__main__":
    app()
