"""`python -m benchmarks.classification`: how often the classifier is right, and how fast."""

import json
from typing import Annotated

import typer
from rich.console import Console

from benchmarks.classification.labelled import labelled_tickets
from benchmarks.classification.report import AIMS, errors, rows, show
from benchmarks.classification.speed import AIM, speeds


def main(
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    errors_only: Annotated[
        bool, typer.Option("--errors", help="Only the tuning tickets read otherwise.")
    ] = False,
    speed: Annotated[bool, typer.Option(help="Measure the time as well.")] = True,
) -> None:
    """Score the rules on the labelled tickets, beside two baselines."""
    tickets = labelled_tickets()
    if errors_only:
        errors(tickets, typer.echo)
        return
    measured = speeds() if speed else []
    if as_json:
        found = {
            "aims": AIMS,
            "scores": [row.as_json() for row in rows(tickets)],
            "microseconds": [each._asdict() for each in measured],
        }
        typer.echo(json.dumps(found, indent=1))
        return
    console = Console()
    show(console, tickets)
    for each in measured:
        console.print(
            f"{each.texts}: {each.per_ticket:.0f} µs per ticket, "
            f"{each.per_thousand_characters:.0f} µs per 1,000 characters (aim: {AIM:.0f})"
        )


if __name__ == "__main__":
    typer.run(main)
