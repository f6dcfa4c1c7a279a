"""`deskstream status`: lag, runs that are on, alerts that wait, and what stands still."""

from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from cli.output import Json, print_json
from cli.running import perform

if TYPE_CHECKING:
    from domain.circuit import CircuitStatus
    from infra.alert_backlog import Backlog
    from infra.lag import PartitionLag
    from infra.log_reader import LogReader
    from infra.mongo import Mongo
    from infra.overview import ActiveJob, ParkedTicket
    from infra.settings import Settings

_SECONDS = 2.0

Watch = Annotated[
    bool, typer.Option("--watch", help="Look again and again, until Ctrl-C; with rates.")
]
Seconds = Annotated[
    float | None, typer.Argument(min=0.1, help=f"With --watch: between two looks, {_SECONDS:g}.")
]


class Status(NamedTuple):
    """Everything that the command shows."""

    lag: "list[PartitionLag]"
    jobs: "list[ActiveJob]"
    parked: "list[ParkedTicket]"
    alerts: "Backlog"
    circuits: "dict[str, CircuitStatus]"


def status(seconds: Seconds = None, watch: Watch = False, as_json: Json = False) -> None:
    """Show each consumer's lag, the runs that are on, alerts that wait, and what stands still."""
    if seconds is not None and not watch:
        raise typer.BadParameter("goes with --watch", param_hint="SECONDS")
    if watch:
        from cli.status_watch import screen, watching

        with suppress(KeyboardInterrupt), screen(as_json) as view:
            perform(lambda settings: watching(settings, view, seconds or _SECONDS))
        return
    found = perform(_read)
    if as_json:
        print_json(shown(found))
        return
    from rich.console import Console

    from cli.status_view import lines

    console = Console()
    for line in lines(found):
        console.print(line)


async def look(settings: "Settings", mongo: "Mongo", reader: "LogReader") -> Status:
    """Ask the engines.

    Raises:
        KafkaError, PyMongoError: one of them cannot be asked.
    """
    from infra.alert_backlog import read_backlog
    from infra.circuits import circuits_of
    from infra.lag import read_lag
    from infra.overview import active_jobs, parked_tickets

    return Status(
        await read_lag(mongo, reader),
        await active_jobs(mongo),
        await parked_tickets(mongo),
        await read_backlog(mongo),
        {name: await c.status() for name, c in circuits_of(mongo, settings).items()},
    )


def shown(found: Status) -> dict[str, Any]:
    """The same for programs."""
    return {
        "lag": [lag._asdict() for lag in found.lag],
        "lag_events": sum(lag.events for lag in found.lag),
        "jobs": [job._asdict() for job in found.jobs],
        "halted": [lag._asdict() for lag in found.lag if lag.halted is not None],
        "parked": [ticket._asdict() for ticket in found.parked],
        "alerts": found.alerts._asdict(),
        "circuits": {name: circuit._asdict() for name, circuit in found.circuits.items()},
    }


async def _read(settings: "Settings") -> Status:
    from infra.log_reader import LogReader
    from infra.mongo import Mongo

    mongo, reader = Mongo(settings), LogReader(settings)
    try:
        return await look(settings, mongo, reader)
    finally:
        await reader.stop()
        mongo.close()
