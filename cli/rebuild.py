"""`deskstream rebuild` and `rollback`: read models made anew from the log, and put back."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.output import Json, print_json
from cli.rebuild_view import PhaseClock, showing
from cli.running import MISUSED, perform
from cli.state_rebuild import rebuild_state
from cli.tenants import checked_tenant

if TYPE_CHECKING:
    from infra.read_models import Projection
    from infra.settings import Settings
    from projections.divergence import Divergence
    from projections.rebuild import Order

_MOST_NAMED = 20

Models = Annotated[
    list[str] | None, typer.Argument(metavar="[MODEL]...", help="tickets, ticket_history, ...")
]
All = Annotated[bool, typer.Option("--all", help="Every read model.")]
OneTenant = Annotated[
    str | None,
    typer.Option(
        "--tenant", callback=checked_tenant, help="Only what this tenant has: repaired in place."
    ),
]
Accept = Annotated[
    bool,
    typer.Option("--accept-differences", help="Swap although the live documents are others."),
]
Cancel = Annotated[bool, typer.Option("--cancel", help="Remove what an interrupted one left.")]
Prune = Annotated[bool, typer.Option("--prune", help="Remove the generations kept for rollback.")]
Processes = Annotated[
    int, typer.Option(min=0, max=64, help="How many fold the log; 0: one for each core.")
]
LongestLag = Annotated[
    float,
    typer.Option(
        "--max-lag", min=0.1, help="Pause while live projectors are so many seconds behind."
    ),
]
NoVerify = Annotated[
    bool, typer.Option("--no-verify", help="Swap without the independent fold of the log.")
]

State = Annotated[
    bool, typer.Option("--state", help="The sync agent's own state instead of read models.")
]


def rebuild(  # noqa: PLR0913, PLR0917 (options)
    models: Models = None,
    every: All = False,
    tenant: OneTenant = None,
    accept: Accept = False,
    cancel: Cancel = False,
    prune: Prune = False,
    processes: Processes = 0,
    max_lag: LongestLag = 2.0,
    no_verify: NoVerify = False,
    state: State = False,
    as_json: Json = False,
) -> None:
    """Fold the log into a new generation beside the live one, verify it, and swap it in at once.

    The live read models keep serving and updating meanwhile.  Ctrl-C leaves no trace; after a
    kill, the same command goes on where it was.
    """
    from projections.rebuild import Order

    if state:
        rebuild_state(as_json=as_json)
        return
    chosen = _projections(models, every=every)
    orders = [Order(p, accept, processes, longest_lag=max_lag) for p in chosen]
    if cancel or prune:
        outcome = perform(_removing(chosen, is_cancelled=cancel))
    elif tenant is not None:
        outcome = perform(_repairing(orders, tenant, quiet=as_json))
    else:
        outcome = perform(_rebuilding(orders, is_verified=not no_verify, quiet=as_json))
    _print(outcome, as_json=as_json)


def rollback(models: Models = None, every: All = False, as_json: Json = False) -> None:
    """Make the generation that was live before the last rebuild live again, brought up to date."""
    _print(perform(_rolling_back(_projections(models, every=every))), as_json=as_json)


def _projections(models: list[str] | None, *, every: bool) -> "list[Projection]":
    from infra.read_models import PROJECTIONS

    known = [model for projection in PROJECTIONS for model in projection.models]
    unknown = sorted(set(models or ()) - set(known))
    if unknown or bool(models) == every:
        reason = f"there is no read model {unknown[0]}" if unknown else "name read models, or --all"
        typer.echo(f"deskstream: {reason}; there are {', '.join(known)}", err=True)
        raise typer.Exit(MISUSED)
    # Models of one projection share a transaction and their checkpoints: they are made together.
    return [p for p in PROJECTIONS if every or set(p.models) & set(models or ())]


Outcome = list[dict[str, Any]]


def _rebuilding(orders: "list[Order]", *, is_verified: bool, quiet: bool) -> Any:  # noqa: ANN401
    async def run(settings: "Settings") -> Outcome:
        from projections.rebuild import Rebuilder
        from projections.soundness import unchecked, verified

        outcome: Outcome = []
        async with _connected(settings) as (mongo, reader):
            for order in orders:
                with showing(quiet=quiet) as view:
                    clock = PhaseClock(view)
                    sound = verified(settings, mongo, reader, clock.show)
                    check = sound if is_verified else unchecked
                    rebuilder = Rebuilder(settings, mongo, reader, clock.show)
                    swapped = await rebuilder.run(order, check, _naming(view.say))
                outcome.append(
                    {
                        "models": list(order.projection.models),
                        "generation": swapped.number,
                        "documents": sum(d.documents for d in swapped.digests.values()),
                        "differing": [list(place) for place in swapped.differing],
                        "seconds": clock.seconds(),
                    }
                )
        return outcome

    return run


def _repairing(orders: "list[Order]", tenant: str, *, quiet: bool) -> Any:  # noqa: ANN401
    async def run(settings: "Settings") -> Outcome:
        from projections.rebuild import Rebuilder

        outcome: Outcome = []
        async with _connected(settings) as (mongo, reader):
            for order in orders:
                with showing(quiet=quiet) as view:
                    rebuilder = Rebuilder(settings, mongo, reader, view.show)
                    count = await rebuilder.repair(order, tenant, _naming(view.say))
                outcome.append(
                    {"models": list(order.projection.models), "tenant": tenant, "repaired": count}
                )
        return outcome

    return run


def _removing(chosen: "list[Projection]", *, is_cancelled: bool) -> Any:  # noqa: ANN401
    async def run(settings: "Settings") -> Outcome:
        from infra.rebuilds import Rebuilds
        from projections.generations import prune

        outcome: Outcome = []
        async with _connected(settings) as (mongo, _):
            for projection in chosen:
                models = {"models": list(projection.models)}
                if is_cancelled:
                    was_there = await Rebuilds(mongo).cancel(projection)
                    outcome.append({**models, "cancelled": was_there})
                else:
                    outcome.append({**models, "removed": await prune(mongo, projection)})
        return outcome

    return run


def _rolling_back(chosen: "list[Projection]") -> Any:  # noqa: ANN401
    async def run(settings: "Settings") -> Outcome:
        from projections.generations import roll_back

        async with _connected(settings) as (mongo, reader):
            return [
                {
                    "models": list(projection.models),
                    "generation": (await roll_back(mongo, reader, projection)).number,
                }
                for projection in chosen
            ]

    return run


def _naming(say: Callable[[str], None]) -> "Callable[[Divergence], None]":
    """Says which documents differ: the first by name, the others as a number in the end."""
    named = 0

    def name(one: "Divergence") -> None:
        nonlocal named
        named += 1
        if named <= _MOST_NAMED:
            say(str(one))
        elif named == _MOST_NAMED + 1:
            say("... and more")

    return name


def _connected(settings: "Settings") -> Any:  # noqa: ANN401
    from contextlib import asynccontextmanager

    from infra.log_reader import LogReader
    from infra.mongo import Mongo
    from infra.startup import wait_for_engines

    @asynccontextmanager
    async def connected() -> Any:  # noqa: ANN401
        mongo, reader = Mongo(settings), LogReader(settings)
        try:
            await wait_for_engines(settings, mongo)
            yield mongo, reader
        finally:
            await reader.stop()
            mongo.close()

    return connected()


def _print(outcome: Outcome, *, as_json: bool) -> None:
    if as_json:
        print_json(outcome)
        return
    for one in outcome:
        models = " and ".join(one["models"])
        typer.echo(f"{models}: {_said(one)}")


def _said(one: dict[str, Any]) -> str:
    if "repaired" in one:
        return f"{one['repaired']:,} documents of {one['tenant']} repaired"
    if "cancelled" in one:
        return "removed" if one["cancelled"] else "no rebuild to remove"
    if "removed" in one:
        return f"generations removed: {', '.join(map(str, one['removed'])) or 'none'}"
    if "documents" in one:
        took = ", ".join(f"{phase} {seconds:.1f} s" for phase, seconds in one["seconds"].items())
        live = f"generation {one['generation']} is live, {one['documents']:,} documents"
        return f"{live} ({took})"
    return f"generation {one['generation']} is live again"
