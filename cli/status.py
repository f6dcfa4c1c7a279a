"""`deskstream status`: lag, runs that are on, alerts that wait, and what stands still."""

from typing import TYPE_CHECKING, Any, NamedTuple

from cli.output import Json, print_json, table
from cli.running import perform

if TYPE_CHECKING:
    from rich.console import Console

    from domain.circuit import CircuitStatus
    from infra.alert_backlog import Backlog
    from infra.lag import PartitionLag
    from infra.overview import ActiveJob, ParkedTicket
    from infra.settings import Settings

_LAG_COLUMNS = (
    *("consumer", "topic", "partition", "next offset", "end offset"),
    *("events", "seconds"),
)
_JOB_COLUMNS = ("job", "tenant", "phase", "since", "pages", "fetched", "worker")


class Status(NamedTuple):
    """Everything that the command shows."""

    lag: "list[PartitionLag]"
    jobs: "list[ActiveJob]"
    parked: "list[ParkedTicket]"
    alerts: "Backlog"
    circuits: "dict[str, CircuitStatus]"


def status(as_json: Json = False) -> None:
    """Show each consumer's lag, the runs that are on, alerts that wait, and what stands still."""
    found = perform(_read)
    if as_json:
        print_json(_as_json(found))
        return
    from rich.console import Console

    _print(found, Console())


async def _read(settings: "Settings") -> Status:
    from infra.alert_backlog import read_backlog
    from infra.circuits import circuits_of
    from infra.lag import read_lag
    from infra.log_reader import LogReader
    from infra.mongo import Mongo
    from infra.overview import active_jobs, parked_tickets

    mongo, reader = Mongo(settings), LogReader(settings)
    try:
        return Status(
            await read_lag(mongo, reader),
            await active_jobs(mongo),
            await parked_tickets(mongo),
            await read_backlog(mongo),
            {name: await c.status() for name, c in circuits_of(mongo, settings).items()},
        )
    finally:
        await reader.stop()
        mongo.close()


def _as_json(found: Status) -> dict[str, Any]:
    return {
        "lag": [lag._asdict() for lag in found.lag],
        "lag_events": sum(lag.events for lag in found.lag),
        "jobs": [job._asdict() for job in found.jobs],
        "halted": [lag._asdict() for lag in found.lag if lag.halted is not None],
        "parked": [ticket._asdict() for ticket in found.parked],
        "alerts": found.alerts._asdict(),
        "circuits": {name: circuit._asdict() for name, circuit in found.circuits.items()},
    }


def _print(found: Status, console: "Console") -> None:
    console.print(table("Lag", _LAG_COLUMNS, map(_lag_row, found.lag)))
    if found.jobs:
        console.print(table("Runs", _JOB_COLUMNS, map(_job_row, found.jobs)))
    else:
        console.print("No run is on.")
    console.print(_alerts(found.alerts), markup=False)
    for name, circuit in found.circuits.items():
        style = None if circuit.phase == "closed" else "yellow"
        console.print(_circuit(name, circuit), style=style, markup=False)
    for lag in found.lag:
        if lag.halted is not None:
            place = f"{lag.consumer} stands still on {lag.topic}[{lag.partition}]"
            console.print(f"{place}: {lag.halted}", style="red", markup=False)
    if found.parked:
        console.print(table("Parked tickets", ("ticket", "events"), found.parked))


def _alerts(backlog: "Backlog") -> str:
    waiting = f"Alerts: {backlog.pending} wait, {backlog.in_flight} calls are out"
    if backlog.pending:
        waiting += f", the oldest is {backlog.oldest_seconds:.0f} s old"
    return f"{waiting}; {backlog.dead_letters} were refused for good."


def _circuit(name: str, circuit: "CircuitStatus") -> str:
    state = f"Circuit {name}: {circuit.phase.replace('_', ' ')}, {circuit.failures} failures"
    if circuit.retry_at is not None:
        state += f", the next call goes out at {circuit.retry_at.isoformat(timespec='seconds')}"
    return f"{state}."


def _lag_row(lag: "PartitionLag") -> tuple[object, ...]:
    place = (lag.consumer, lag.topic, lag.partition)
    return (*place, lag.next_offset, lag.end_offset, lag.events, lag.seconds)


def _job_row(job: "ActiveJob") -> tuple[object, ...]:
    since = job.since.isoformat(timespec="seconds")
    pages = f"{job.pages_done} of {job.pages_total or '?'}"
    return job.job_id, job.tenant_id, job.phase, since, pages, job.fetched, job.worker
