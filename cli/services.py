"""`deskstream worker`, `projector`, `notifier`, `api`: the processes, any number of each."""

from cli.running import serve


def worker() -> None:
    """Crawl, classify and detect changes; any number of workers share the work."""
    from streams.worker import run_worker

    serve("worker", run_worker)


def projector() -> None:
    """Keep the read models; any number of projectors share the partitions."""
    from projections.projector import run_projector

    serve("projector", run_projector)


def notifier() -> None:
    """Record and deliver alerts; any number of notifiers share the work."""
    from notifications.notifier import run_notifier

    serve("notifier", run_notifier)


def api() -> None:
    """Serve the HTTP API on API_HOST and API_PORT; any number of them, each on its port."""
    from cli.api_server import run_api

    serve("api", run_api, with_page=False)  # it has `/metrics`
