"""`deskstream erase`: a customer's tickets, or one ticket, without text and customer."""

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.erasure import Erasure, Order, Outcome
from cli.output import Json, print_json, table
from cli.replay import DryRun
from cli.running import FAILED, MISUSED, perform

if TYPE_CHECKING:
    from infra.settings import Settings

Tenant = Annotated[str, typer.Option(help="The tenant.")]
Customer = Annotated[
    str | None, typer.Option(help="Every ticket that is this customer's, or once was.")
]
Ticket = Annotated[str | None, typer.Option(help="One ticket, by its external id.")]
Reason = Annotated[str | None, typer.Option(help="Why; kept with the record of the erasure.")]


def erase(
    tenant: Tenant,
    customer: Customer = None,
    ticket: Ticket = None,
    reason: Reason = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Erase subject, message, customer and their earlier values, wherever they stand.

    The tickets stay, with status and labels, and so do the sums over them. What sources show later
    does not bring the text back, until `deskstream lift`. Returns when every place in MongoDB is
    clean, and says until when Kafka keeps what. Run again after a kill: it does what is left.
    """
    _check(tenant)
    if (customer is None) is (ticket is None):
        raise _misused("give either --customer or --ticket")
    _conclude(Order((tenant, customer, ticket), reason, dry_run), as_json=as_json)


def lift(
    tenant: Tenant,
    ticket: Annotated[str, typer.Option(help="The ticket, by its external id.")],
    reason: Reason = None,
    as_json: Json = False,
) -> None:
    """Let sources show an erased ticket again: what they show next is kept as it is."""
    _check(tenant)
    _conclude(Order((tenant, None, ticket), reason, lifted=True), as_json=as_json)


def _check(tenant: str) -> None:
    from domain.identity import is_tenant_id

    if not is_tenant_id(tenant):
        raise _misused(f"--tenant {tenant}: no tenant can have this name")


def _conclude(order: Order, *, as_json: bool) -> None:
    outcome = perform(partial(_erase, order))
    if as_json:
        print_json(_as_json(order, outcome))
    else:
        _print(order, outcome)
    if not outcome.is_complete and not order.dry_run:
        raise typer.Exit(FAILED)


def _misused(message: str) -> typer.Exit:
    typer.echo(f"deskstream: {message}", err=True)
    return typer.Exit(MISUSED)


async def _erase(order: Order, settings: "Settings") -> Outcome:
    from infra.collections import ensure_collections
    from infra.log_closing import check_open
    from infra.mongo import Mongo
    from infra.publisher import Publisher

    mongo, publisher = Mongo(settings), Publisher(settings)
    try:
        await ensure_collections(mongo)
        await check_open(mongo)
        erasure = Erasure(settings, mongo, publisher, order)
        return await (erasure.look() if order.dry_run else erasure.perform())
    finally:
        await publisher.stop()
        mongo.close()


def _as_json(order: Order, outcome: Outcome) -> dict[str, Any]:
    return {
        "request": outcome.request,
        "tenant_id": order.subject.tenant_id,
        "customer_id": order.subject.customer_id,
        "external_id": order.subject.external_id,
        "dry_run": order.dry_run,
        "lifted": order.lifted,
        "complete": outcome.is_complete,
        "tickets": len(outcome.tickets),
        "places": [dict(zip(_COLUMNS, row, strict=True)) for row in _rows(outcome)],
        "kept_until": outcome.kept,
        "alerts_sent": outcome.alerts_sent,
        "unclear_letters": outcome.unclear_letters,
        "generations_removed": outcome.generations,
        "unfinished": outcome.unfinished,
    }


_COLUMNS = ("place", "found", "removed", "remaining")


def _rows(outcome: Outcome) -> list[tuple[str, int, int, int]]:
    return [
        (place, found, found - outcome.remaining[place], outcome.remaining[place])
        for place, found in outcome.found.items()
    ]


def _print(order: Order, outcome: Outcome) -> None:
    from rich.console import Console

    verb = "would be " * order.dry_run + ("lifted" if order.lifted else "erased")
    typer.echo(f"{len(outcome.tickets):,} tickets: {verb} (request {outcome.request})")
    if order.lifted:
        return
    Console().print(table("Documents", _COLUMNS, _rows(outcome)))
    rows = [(topic, until) for topic, until in outcome.kept.items()]
    Console().print(table("Kafka keeps what was written", ("topic", "until"), rows))
    for line in _remarks(outcome, dry_run=order.dry_run):
        typer.echo(line)


def _remarks(outcome: Outcome, *, dry_run: bool) -> list[str]:
    said = []
    if outcome.generations:
        verb = "would be removed" if dry_run else "were removed: a rollback cannot return to them"
        said.append(f"earlier generations {outcome.generations} {verb}")
    if outcome.alerts_sent:
        tickets = sorted({alert["ticket_id"] for alert in outcome.alerts_sent})
        said.append(
            f"{len(outcome.alerts_sent):,} alerts were sent before, with words of their tickets: "
            f"{', '.join(tickets[:20])}{', ...' if len(tickets) > 20 else ''}"
        )
    if outcome.unclear_letters:
        said.append(
            f"{outcome.unclear_letters:,} dead letters hold the customer's id and cannot be read, "
            "or name no tenant: look with `deskstream dlq list` and `show`"
        )
    said += [f"{name}: not over; end it, then erase again" for name in outcome.unfinished]
    return said
