"""The API as a process: one socket, our logs, and an end within seconds."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from typing import Final

import structlog
import uvicorn
from pymongo.errors import PyMongoError

from api.app import create_app
from cli.request_heads import BoundedHeads
from domain.access import is_loopback
from domain.access_errors import NoApiKeyError
from domain.errors import DeskstreamError
from infra.api_keys import ApiKeys
from infra.mongo import Mongo
from infra.settings import Settings
from infra.trace_export import trace_requests

log = structlog.get_logger()

_GRACE_SECONDS: Final = 5
_KEYS_SECONDS: Final = 3.0
# Longer than clients (httpx 5 s) and balancers (60 s is usual) keep an idle connection: whoever
# closes it first must be the one that sends, or a request may meet a connection that just closed.
_IDLE_SECONDS: Final = 75


class ListenError(DeskstreamError):
    """The API cannot listen where it was told to."""

    def __init__(self, host: str, port: int, reason: str) -> None:
        super().__init__(f"API_HOST={host}, API_PORT={port}: cannot listen there: {reason}")


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone: who runs the service heeds them."""
        yield


async def run_api(settings: Settings, stop: asyncio.Event) -> None:
    """Serve until `stop` is set; then finish what is under way, for at most 5 seconds.

    Raises:
        ListenError: the address is taken, or is none of this machine.
        NoApiKeyError: other machines reach the address, and there is no key.
    """
    with _listen(settings.api_host, settings.api_port) as listener:
        # What the socket says, not the setting: a name may stand for any address.
        is_local = is_loopback(listener.getsockname()[0])
        if not is_local:
            await _require_key(settings)
        app = create_app(settings, is_local=is_local)
        trace_requests(app, settings)
        server = _Server(
            uvicorn.Config(
                app,
                http=BoundedHeads,
                ws="none",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_keep_alive=_IDLE_SECONDS,
                timeout_graceful_shutdown=_GRACE_SECONDS,
            )
        )
        serving = asyncio.create_task(server.serve([listener]))
        stopping = asyncio.create_task(stop.wait())
        host, port = listener.getsockname()[:2]
        log.info("api_started", url=f"http://{host}:{port}")
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        server.should_exit = True
        await serving
        log.info("api_stopped")


async def _require_key(settings: Settings) -> None:
    """Refuse to go on where it is known that no key exists; else the key ring lets nobody in."""
    mongo = Mongo(settings)
    try:
        async with asyncio.timeout(_KEYS_SECONDS):
            exists = await ApiKeys(mongo).any_exists()
    except (TimeoutError, PyMongoError) as error:
        log.warning("api_keys_unknown", reason=type(error).__name__, access="by key only")
        return
    finally:
        mongo.close()
    if not exists:
        raise NoApiKeyError(settings.api_host)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise ListenError(host, port, error.strerror or str(error)) from error
