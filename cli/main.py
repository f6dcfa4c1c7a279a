"""`deskstream`: the operator's command line."""

import typer

from cli import (
    digest,
    dlq,
    erase,
    ingest,
    keys,
    log,
    rebuild,
    reclassify,
    replay,
    services,
    status,
    topics,
)
from cli.running import serve
from cli.verify import verify

__all__ = ["app", "serve"]

app = typer.Typer(
    name="deskstream",
    help="An event-sourced stream processor for support tickets.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command()(services.worker)
app.command()(services.projector)
app.command()(services.notifier)
app.command()(services.api)
app.command()(ingest.ingest)
app.command()(ingest.cancel)
app.command()(status.status)
app.command()(verify)
app.command()(digest.digest)
app.command()(rebuild.rebuild)
app.command()(rebuild.rollback)
app.command()(replay.replay)
app.command()(reclassify.reclassify)
app.command()(erase.erase)
app.command()(erase.lift)
app.add_typer(topics.app, name="topics")
app.add_typer(keys.app, name="keys")
app.add_typer(dlq.app, name="dlq")
app.add_typer(log.app, name="log")
