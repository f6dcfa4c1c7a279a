"""`deskstream replay`: raw records since an instant through the pipeline once more."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.ages import age_of
from cli.counting import counting
from cli.output import Json, print_json
from cli.running import MISUSED, perform
from cli.tenants import checked_tenant

if TYPE_CHECKING:
    from infra.log_reader import LogReader
    from infra.mongo import Mongo
    from infra.settings import Settings
    from streams.reentry import Takes
    from streams.replay import Replay, Stretch

Topic = Annotated[str, typer.Argument(help="tickets.raw, which is the only one.")]
From = Annotated[
    str, typer.Option("--from", help="An RFC 3339 instant, or an age such as 90m, 2h or 7d.")
]
Tenant = Annotated[
    str | None, typer.Option(callback=checked_tenant, help="Only the tickets of this tenant.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Send nothing; say what would change.")]


@dataclass(frozen=True)
class Replayed:
    """What a replay did: how many records it read, sent, and passed over."""

    kept_from: datetime | None
    ahead: int
    read: int
    sent: int
    refused: int
    passed_over: int
    would_change: dict[str, int] = field(default_factory=dict)
    would_not: dict[str, int] = field(default_factory=dict)


def replay(
    topic: Topic, since: From, tenant: Tenant = None, dry_run: DryRun = False, as_json: Json = False
) -> None:
    """Send the raw records since an instant through the pipeline once more, without alerts.

    What was lost or refused is made good, as far as nothing newer is known of its ticket; what
    was not is not changed, however often this is done.
    """
    if topic != "tickets.raw":
        raise typer.Exit(_misused(f"only tickets.raw can be replayed, not {topic}"))
    moment = _instant(since, datetime.now(UTC))
    found = perform(partial(_replay, moment, tenant, dry_run))
    if as_json:
        print_json(_as_json(topic, moment, found, dry_run=dry_run))
    else:
        _print(topic, moment, found, dry_run=dry_run)


def _instant(text: str, now: datetime) -> datetime:
    """The instant that `--from` names."""
    from domain.errors import RejectedRecordError
    from domain.instants import parse_instant

    if (age := age_of(text)) is not None:
        return now - age
    try:
        moment = parse_instant(text, "--from")
    except RejectedRecordError as error:
        raise typer.Exit(_misused(f"{error.reason}, and no age such as 2h")) from None
    if moment > now:
        raise typer.Exit(_misused(f"--from: {text} is in the future"))
    return moment


def _misused(message: str) -> int:
    typer.echo(f"deskstream: {message}", err=True)
    return MISUSED


async def _replay(
    since: datetime, tenant: str | None, dry_run: bool, settings: "Settings"
) -> Replayed:
    from infra.log_reader import LogReader
    from infra.mongo import Mongo
    from infra.publisher import Publisher
    from streams.reentry import Reentry
    from streams.replay_preview import ReplayPreview

    mongo, reader, publisher = Mongo(settings), LogReader(settings), Publisher(settings)
    preview = ReplayPreview(mongo)
    to = preview if dry_run else Reentry(mongo, publisher, settings.kafka_partitions)
    try:
        stretch, run = await _run(mongo, reader, to, since, tenant)
    finally:
        await publisher.stop()
        await reader.stop()
        mongo.close()
    sent = 0 if dry_run else run.taken
    figures = (stretch.kept_from, stretch.ahead, run.read, sent, run.refused, run.passed_over)
    return Replayed(*figures, dict(preview.events), dict(preview.others))


async def _run(
    mongo: "Mongo", reader: "LogReader", to: "Takes", since: datetime, tenant: str | None
) -> "tuple[Stretch, Replay]":
    from domain.instants import to_milliseconds
    from domain.topics import RAW
    from infra.checkpoints import Checkpoints
    from infra.rules import RememberingClassifier, default_classifier
    from streams.replay import Replay, stretch_since

    stretch = await stretch_since(reader, Checkpoints(mongo, "classifier", RAW), since)
    epoch = to_milliseconds(datetime.now(UTC))
    run = Replay(RememberingClassifier(default_classifier()), epoch, tenant)
    with counting("replay", stretch.size, "records") as progress:
        await run.run(reader, stretch, to, progress)
    return stretch, run


def _as_json(topic: str, since: datetime, found: Replayed, *, dry_run: bool) -> dict[str, Any]:
    shown = {
        "topic": topic,
        "from": since,
        "dry_run": dry_run,
        "kept_from": found.kept_from,
        "read": found.read,
        "sent": found.sent,
        "refused": found.refused,
        "passed_over": found.passed_over,
        "not_classified_yet": found.ahead,
    }
    preview = {"would_change": found.would_change, "would_not": found.would_not}
    return shown | preview if dry_run else shown


def _print(topic: str, since: datetime, found: Replayed, *, dry_run: bool) -> None:
    from domain.instants import rfc3339

    if found.kept_from is not None:
        kept = rfc3339(found.kept_from)
        typer.echo(f"{topic} is kept from {kept} on: older records are gone and not replayed")
    typer.echo(
        f"{found.read:,} records since {rfc3339(since)}: {found.sent:,} sent again,"
        f" {found.refused:,} refused, {found.passed_over:,} passed over"
    )
    if found.ahead:
        typer.echo(f"{found.ahead:,} newer ones are still on their first way")
    if dry_run:
        events = ", ".join(f"{n:,} {name}" for name, n in sorted(found.would_change.items()))
        typer.echo(f"nothing was sent; change events that would be written: {events or 'none'}")
