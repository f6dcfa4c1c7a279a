"""`python -m dev.helpdesk`: start the sample helpdesk on a port."""

import os
import socket
import threading
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
import uvicorn

from dev.helpdesk.app import HelpdeskApp
from dev.helpdesk.first_start import first_start, parse_moment
from dev.helpdesk.generator import SAMPLE_TENANTS
from dev.helpdesk.helpdesk import HelpdeskSettings, open_helpdesk


class _HelpdeskProcess(uvicorn.Server):
    """Says in one line when it is ready, and ends at once when told to."""

    def __init__(self, settings: HelpdeskSettings, listener: socket.socket) -> None:
        super().__init__(
            uvicorn.Config(
                HelpdeskApp(open_helpdesk(settings)),
                loop="uvloop",
                http="httptools",
                lifespan="off",
                ws="none",
                log_level="critical",
                access_log=False,
                server_header=False,
                timeout_keep_alive=60,
            )
        )
        host, port = listener.getsockname()[:2]
        self._ready_line = (
            f"helpdesk ready url=http://{host}:{port} seed={settings.seed}"
            f" tickets={settings.tickets} now={settings.now.isoformat()}"
            f" limit={settings.limit}/{settings.period:g}s"
        )

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start serving, and say so."""
        await super().startup(sockets)
        typer.echo(self._ready_line)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End without waiting: nothing here outlives the process."""
        self.force_exit = True
        super().handle_exit(sig, frame)


def serve(  # noqa: PLR0913, PLR0917  one argument per option of the command line
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 takes a free one.")] = 9000,
    seed: Annotated[int, typer.Option(help="Same seed and now: same tickets.")] = 7,
    tickets: Annotated[int, typer.Option(min=0, help="How many.")] = 10_000,
    tenant: Annotated[list[str] | None, typer.Option(help="A tenant; repeatable.")] = None,
    limit: Annotated[int, typer.Option(min=0, help="Calls in a period; 0: no limit.")] = 60,
    period: Annotated[float, typer.Option(help="Of the limit, in seconds.")] = 60.0,
    now: Annotated[str | None, typer.Option(help="ISO 8601; tickets end here.")] = None,
    state: Annotated[Path | None, typer.Option(help="Keeps the first start's now.")] = None,
    long_messages: Annotated[bool, typer.Option(help="Median 600 characters.")] = False,
    notify_failures: Annotated[int, typer.Option(min=0, help="First calls per ticket.")] = 2,
    until_stdin_closes: Annotated[bool, typer.Option(help="End when stdin does.")] = False,
) -> None:
    """Serve believable tickets until SIGTERM."""
    moment = datetime.now(UTC) if now is None else parse_moment(now)
    settings = HelpdeskSettings(
        seed=seed,
        tickets=tickets,
        tenants=tuple(tenant or SAMPLE_TENANTS),
        now=moment if state is None else first_start(state, moment),
        limit=limit,
        period=period,
        long_messages=long_messages,
        notify_failures=notify_failures,
    )
    if until_stdin_closes:
        threading.Thread(target=_end_with_stdin, daemon=True).start()
    with _listen(host, port) as listener:
        _HelpdeskProcess(settings, listener).run([listener])


def _listen(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), backlog=1_024)
    except OSError as error:
        typer.echo(f"helpdesk cannot listen on {host}:{port}: {error.strerror}", err=True)
        raise typer.Exit(1) from error


def _end_with_stdin() -> None:
    # A parent that dies, however it dies, closes its end of the pipe.
    while os.read(0, 1_024):
        pass
    os._exit(0)


if __name__ == "__main__":
    typer.run(serve)
