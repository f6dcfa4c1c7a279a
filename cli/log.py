"""`deskstream log rewrite`: the log without the values that erasures took."""

from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from cli.log_rewrite import Rewritten, rewriting
from cli.output import Json, print_json
from cli.running import perform

if TYPE_CHECKING:
    from infra.settings import Settings

app = typer.Typer(help="The log, tickets.changes.", no_args_is_help=True)

DeleteOld = Annotated[
    bool,
    typer.Option(
        "--delete-old",
        help="Delete the log and put the copy in its place: every process must be stopped.",
    ),
]


@app.callback()
def log() -> None:
    """The log, tickets.changes."""


@app.command()
def rewrite(delete_old: DeleteOld = False, as_json: Json = False) -> None:
    """Copy tickets.changes without what was erased, at the same offsets, and verify the copy.

    The log itself stays until --delete-old, for which every process must be stopped. Run again
    after a kill: it goes on where it was.
    """
    done = perform(partial(_rewrite, delete_old))
    if as_json:
        print_json(vars(done))
        return
    typer.echo(f"{done.records:,} records, {done.erased:,} erased tickets: copied and verified")
    if done.replaced:
        typer.echo("tickets.changes holds nothing any more that was erased; start the processes")
    else:
        typer.echo("tickets.changes still holds it: stop every process, and add --delete-old")


async def _rewrite(delete_old: bool, settings: "Settings") -> Rewritten:
    async with rewriting(settings) as run:
        return await run.run(delete_old=delete_old)
