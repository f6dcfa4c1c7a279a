"""The page of metrics that a process without an API serves for itself: `METRICS_PORT`."""

from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from prometheus_client import start_http_server

from domain.errors import DeskstreamError
from infra.process_metrics import process_registry
from infra.settings import Settings

log = structlog.get_logger()


class MetricsAddressError(DeskstreamError):
    """The page cannot be served where it was told to."""

    def __init__(self, host: str, port: int, reason: str) -> None:
        super().__init__(
            f"METRICS_HOST={host}, METRICS_PORT={port}: cannot listen there: {reason}"
            " (every process on a machine needs a port of its own)"
        )


@contextmanager
def metrics_page(settings: Settings) -> Iterator[None]:
    """Serve the page while the block lasts, from a thread, so that it answers however busy we are.

    Raises:
        MetricsAddressError: the address is taken, or is none of this machine.
    """
    host, port = settings.metrics_host, settings.metrics_port
    if not port:
        yield
        return
    try:
        server, thread = start_http_server(port, host, process_registry())
    except OSError as error:
        raise MetricsAddressError(host, port, error.strerror or str(error)) from error
    log.info("metrics_served", url=f"http://{host}:{port}/metrics")
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
