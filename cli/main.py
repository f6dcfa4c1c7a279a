"""`deskstream`: the operator's command line."""

import asyncio
import signal
from collections.abc import Awaitable, Callable

import typer
import uvloop

from domain.errors import DeskstreamError
from infra.settings import Settings, load_settings
from infra.telemetry import configure_logging

app = typer.Typer(
    name="deskstream",
    help="An event-sourced stream processor for support tickets.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

Service = Callable[[Settings, asyncio.Event], Awaitable[None]]


def serve(service: Service) -> None:
    """Run a service until SIGINT or SIGTERM; an error on purpose is one line and exit code 1."""
    try:
        settings = load_settings()
        configure_logging(settings)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_until_signalled(service, settings))
    except DeskstreamError as error:
        typer.echo(f"deskstream: {error}", err=True)
        raise typer.Exit(1) from None


async def _until_signalled(service: Service, settings: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    working = asyncio.ensure_future(service(settings, stop))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not working.done():
        # A service that still waits for its engines does not look at `stop`.
        await asyncio.wait({working}, timeout=9.0)
        working.cancel()
    try:
        await working
    except asyncio.CancelledError:
        return


@app.command()
def worker() -> None:
    """Crawl, classify and detect changes; any number of workers share the work."""
    from streams.worker import run_worker

    serve(run_worker)


@app.command()
def projector() -> None:
    """Keep the read models; any number of projectors share the partitions."""
    from projections.projector import run_projector

    serve(run_projector)
