"""`python -m dev.run`: everything on this machine, from the engines to the answers."""

import asyncio
import logging
import os
import time
from pathlib import Path
from subprocess import CalledProcessError
from typing import Annotated, Final, NamedTuple

import psutil
import typer
from rich.console import Console

from cli.api_client import ApiClient, url_of
from cli.running import FAILED, one_line_errors
from cli.topics import create_topics
from dev.engine_errors import EngineError, MissingProgramError, NoMongodError
from dev.kafka_groups import wait_for_groups
from dev.local_run import LocalRun
from dev.log_growth import end_of_log, growth_since
from dev.own_engines import become_compose, docker_serves
from dev.ports import require_free
from dev.run_errors import RunError, StopRequested
from dev.run_summary import Summary, access_of, own_counts, print_summary, read_statistics
from infra.alert_backlog import Backlog, read_backlog
from infra.mongo import Mongo
from infra.settings import Settings, load_settings
from infra.telemetry import configure_logging

_LOCAL: Final = Path(__file__).resolve().parent.parent / ".local"
_WIDTH: Final = 130  # of tables where there is no terminal
_PATIENCE_SECONDS: Final = 30.0

Port = Annotated[int, typer.Option(min=1, max=65535)]


class Options(NamedTuple):
    """What the command line says."""

    root: Path
    kafka_port: int
    mongo_port: int
    helpdesk_port: int
    tickets: int


def run(
    root: Annotated[Path, typer.Option(help="Holds data, logs, the sample's start.")] = _LOCAL,
    kafka_port: Port = 19092,
    mongo_port: Port = 27117,
    helpdesk_port: Port = 9000,
    tickets: Annotated[int, typer.Option(help="Of the sample helpdesk.", min=0)] = 10_000,
    once: Annotated[bool, typer.Option("--once", help="Stop after the summary.")] = False,
) -> None:
    """Start everything, ingest every tenant, show the results, and stay up until Ctrl-C."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDTH)
    options = Options(root.resolve(), kafka_port, mongo_port, helpdesk_port, tickets)
    try:
        with one_line_errors(), LocalRun(options.root, console) as local:
            summary = _ingest_everything(local, options)
            print_summary(console, summary)
            if not once:
                local.say("\nup until Ctrl-C")
                while True:
                    local.supervisor.pause(1.0)
    except StopRequested:
        return
    except (MissingProgramError, NoMongodError) as error:
        _run_in_containers(error)
    except (EngineError, RunError) as error:
        raise _failed(error) from None
    if not (summary.run.is_complete and summary.is_equal):
        raise typer.Exit(FAILED)


def _ingest_everything(local: LocalRun, options: Options) -> Summary:
    settings = load_settings()
    configure_logging(settings)
    logging.disable(logging.CRITICAL)  # what goes wrong here ends in an error of one line
    if settings.api_port:
        require_free(settings.api_port, "the API (API_PORT)")
    if "helpdesk_url" not in settings.model_fields_set:
        require_free(options.helpdesk_port, "the sample helpdesk (or set HELPDESK_URL)")
        local.start_helpdesk(settings, options.helpdesk_port, options.tickets)
    local.start_engines(settings, options.kafka_port, options.mongo_port)
    local.supervisor.check()
    settings = load_settings()
    before = asyncio.run(_prepare_log(settings))
    local.start_services(settings)
    local.wait_ready()
    key = settings.deskstream_api_key
    with ApiClient(url_of(settings), key, pause=local.supervisor.pause) as api:
        completed = local.ingest(api)
        return Summary(
            run=completed,
            stats=read_statistics(api, completed),
            own_counts=own_counts(settings.helpdesk_url),
            growth=asyncio.run(growth_since(settings, before)),
            alerts=asyncio.run(_alerts(settings)),
            access=access_of(api.get("/whoami")),
            seconds=time.time() - psutil.Process(os.getpid()).create_time(),
            urls={
                "page": f"{api.url}/",
                "API": api.url,
                "docs": f"{api.url}/docs",
                "helpdesk": settings.helpdesk_url,
            },
        )


async def _prepare_log(settings: Settings) -> dict[int, int]:
    """Make the topics, and return where `tickets.changes` ends before anything is ingested."""
    await create_topics(settings, _PATIENCE_SECONDS)
    await wait_for_groups(settings, _PATIENCE_SECONDS)
    return await end_of_log(settings)


async def _alerts(settings: Settings) -> Backlog:
    mongo = Mongo(settings)
    try:
        return await read_backlog(mongo)
    finally:
        mongo.close()


def _run_in_containers(missing: EngineError) -> None:
    if not docker_serves():
        raise _failed(missing) from None
    typer.echo(f"{missing}\nDocker answers: running everything in containers instead")
    try:
        become_compose()
    except CalledProcessError as error:
        raise _failed(error) from None


def _failed(error: Exception) -> typer.Exit:
    typer.echo(f"error: {error}", err=True)
    return typer.Exit(FAILED)


if __name__ == "__main__":
    typer.run(run)
