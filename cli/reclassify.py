"""`deskstream reclassify`: today's rules over all tickets."""

from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import typer

from cli.counting import counting
from cli.output import Json, print_json, table
from cli.replay import DryRun, Tenant
from cli.running import perform

if TYPE_CHECKING:
    from infra.settings import Settings
    from streams.reclassification import Reclassification


def reclassify(tenant: Tenant = None, dry_run: DryRun = False, as_json: Json = False) -> None:
    """Label all live tickets by today's rules, as change events, without alerts.

    A ticket whose labels and evidence stay as they are gets no event, and so does one that
    changed or was deleted meanwhile: what is new was labelled by today's rules anyway.
    """
    done = perform(partial(_reclassify, tenant, dry_run))
    if as_json:
        print_json(_as_json(done, dry_run=dry_run))
    else:
        _print(done, dry_run=dry_run)


async def _reclassify(
    tenant: str | None, dry_run: bool, settings: "Settings"
) -> "Reclassification":
    from domain.instants import cut
    from infra.mongo import Mongo
    from infra.publisher import Publisher
    from infra.rules import default_classifier
    from streams.reclassification import Reclassification, count_tickets
    from streams.reentry import Reentry

    mongo, publisher = Mongo(settings), Publisher(settings)
    run = Reclassification(default_classifier(), cut(datetime.now(UTC)))
    try:
        to = None if dry_run else Reentry(mongo, publisher, settings.kafka_partitions)
        total = await count_tickets(mongo, tenant)
        with counting("reclassify", total, "tickets") as progress:
            await run.run(mongo, to, progress, tenant)
    finally:
        await publisher.stop()
        mongo.close()
    return run


def _as_json(done: "Reclassification", *, dry_run: bool) -> dict[str, Any]:
    return {
        "dry_run": dry_run,
        "ruleset_version": done.ruleset_version or None,
        "tickets": done.tickets,
        "changed": done.changed,
        "transitions": [
            {**transition._asdict(), "tickets": count}
            for transition, count in sorted(done.transitions.items())
        ],
    }


def _print(done: "Reclassification", *, dry_run: bool) -> None:
    from rich.console import Console

    if done.transitions:
        rows = [(*transition, count) for transition, count in sorted(done.transitions.items())]
        Console().print(table("Labels", ("label", "old", "new", "tickets"), rows))
    verb = "would change" if dry_run else "were sent"
    typer.echo(f"{done.tickets:,} live tickets: {done.changed:,} {verb}")
