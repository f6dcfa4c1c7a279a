"""`deskstream dlq`: records that nothing could process, and what to do about them."""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import typer

from cli.dlq_output import letter_row, print_letter, print_letters, print_plan
from cli.dlq_redrive import Wanted, walk
from cli.output import Json, print_json
from cli.running import FAILED, MISUSED, perform
from cli.tenants import checked_tenant

if TYPE_CHECKING:
    from domain.dead_letters import LetterState
    from infra.letters import Letters
    from infra.mongo import Document
    from infra.settings import Settings

app = typer.Typer(help="Dead letters: records that nothing could process.", no_args_is_help=True)

_LEFT: Final = ("refused", "held_back", "impossible", "rebuild")

Ids = Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Ids, or how they begin.")]
Tenant = Annotated[
    str | None, typer.Option(callback=checked_tenant, help="Only letters of this tenant.")
]
Reason = Annotated[str | None, typer.Option(help="Only letters whose reason holds this text.")]
Everything = Annotated[bool, typer.Option("--all", help="Every letter that waits.")]
Skip = Annotated[
    bool, typer.Option("--skip", help="Send later letters of a ticket though earlier ones cannot.")
]
State = Annotated[
    Literal["waiting", "redriven", "evicted"] | None, typer.Option(help="Only letters like this.")
]
Limit = Annotated[int, typer.Option(help="The most letters to show.", min=1, max=10_000)]
Why = Annotated[str, typer.Option("--reason", help="Why; kept with the letter.")]


@app.command("list")
def list_letters(
    tenant: Tenant = None,
    state: State = None,
    reason: Reason = None,
    limit: Limit = 100,
    as_json: Json = False,
) -> None:
    """List dead letters by tenant and state, the newest first."""
    rows, total = perform(partial(_list, tenant=tenant, state=state, reason=reason, limit=limit))
    if as_json:
        print_json({"letters": [letter_row(row) for row in rows], "total": total})
    else:
        print_letters(rows, total)


@app.command()
def show(id_: Annotated[str, typer.Argument(metavar="ID")], as_json: Json = False) -> None:
    """Show a letter: its record byte for byte, the reason, and what was done about it."""
    document = perform(partial(_show, prefix=id_))
    print_letter(document, as_json=as_json)


@app.command()
def plan(
    ids: Ids = None,
    everything: Everything = False,
    tenant: Tenant = None,
    reason: Reason = None,
    skip: Skip = False,
    as_json: Json = False,
) -> None:
    """Show what a redrive would change, letter by letter; write nothing."""
    wanted = _wanted(ids, everything, tenant, reason, skip)
    planned = perform(partial(walk, wanted=wanted, send=False, shown=not as_json))
    _conclude(planned, as_json=as_json, sent=False)


@app.command()
def redrive(
    ids: Ids = None,
    everything: Everything = False,
    tenant: Tenant = None,
    reason: Reason = None,
    skip: Skip = False,
    as_json: Json = False,
) -> None:
    """Send the records again, in order per ticket; exit code 1 if any of them could not be."""
    wanted = _wanted(ids, everything, tenant, reason, skip)
    planned = perform(partial(walk, wanted=wanted, send=True, shown=not as_json))
    _conclude(planned, as_json=as_json, sent=True)
    if any(row["outcome"] in _LEFT for row in planned):
        raise typer.Exit(FAILED)


@app.command()
def evict(
    ids: Annotated[list[str], typer.Argument(metavar="ID...")], reason: Why, as_json: Json = False
) -> None:
    """Give letters up: they stay, with the reason, and are not sent again."""
    if not reason.strip():
        raise _misused("--reason is empty")
    states = perform(partial(_evict, prefixes=ids, reason=reason.strip()))
    if as_json:
        print_json({"letters": [{"id": id_, "evicted": s is None} for id_, s in states.items()]})
    for id_, state in states.items():
        if not as_json:
            typer.echo(f"{id_[:12]} evicted" if state is None else f"{id_[:12]} was {state} before")
    if any(state is not None for state in states.values()):
        raise typer.Exit(FAILED)


def _wanted(
    ids: list[str] | None, everything: bool, tenant: str | None, reason: str | None, skip: bool
) -> Wanted:
    filtered = tenant is not None or reason is not None
    if sum([bool(ids), everything, filtered and not everything]) != 1:
        raise _misused("name letters by their ids, by --tenant or --reason, or take --all")
    return Wanted(tuple(ids or ()), tenant, reason, skip)


def _misused(message: str) -> typer.Exit:
    typer.echo(f"deskstream: {message}", err=True)
    return typer.Exit(MISUSED)


def _conclude(planned: list[dict[str, Any]], *, as_json: bool, sent: bool) -> None:
    totals = Counter(row["outcome"] for row in planned)
    if as_json:
        print_json({"letters": planned, "totals": totals})
    else:
        print_plan(totals, sent=sent)


@contextmanager
def _letters(settings: "Settings") -> "Iterator[Letters]":
    from infra.letters import Letters
    from infra.mongo import Mongo

    mongo = Mongo(settings)
    try:
        yield Letters(mongo)
    finally:
        mongo.close()


async def _list(
    settings: "Settings",
    *,
    tenant: str | None,
    state: "LetterState | None",
    reason: str | None,
    limit: int,
) -> "tuple[list[Document], int]":
    from infra.letters import Selection

    with _letters(settings) as letters:
        selection = Selection(tenant_id=tenant, state=state, reason=reason)
        return await letters.page(selection, limit)


async def _show(settings: "Settings", *, prefix: str) -> "Document":
    with _letters(settings) as letters:
        (id_,) = await letters.ids([prefix])
        return await letters.show(id_)


async def _evict(
    settings: "Settings", *, prefixes: list[str], reason: str
) -> "Mapping[str, LetterState | None]":
    with _letters(settings) as letters:
        return {id_: await letters.evict(id_, reason) for id_ in await letters.ids(prefixes)}
