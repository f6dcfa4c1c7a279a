"""`deskstream verify`: whether the log, folded independently, gives what readers see."""

from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from cli.output import Json, print_json, table
from cli.running import FAILED, perform
from cli.tenants import checked_tenant

if TYPE_CHECKING:
    from rich.console import Console

    from infra.settings import Settings
    from projections.differences import Report

UNCHECKED: Final = 2

Tenant = Annotated[
    str | None, typer.Option(callback=checked_tenant, help="Verify what this tenant has.")
]

_COLUMNS = ("model", "key", "version", "what", "field", "expected", "found")


def verify(tenant: Tenant = None, as_json: Json = False) -> None:
    """Fold the log independently and compare it with the live read models.

    Exit code 0 if they are equal, 1 if anything differs, 2 if something could not be checked.
    """
    try:
        report = perform(partial(_verify, tenant=tenant, quiet=as_json))
    except typer.Exit:
        # An engine that is away says nothing about the read models.
        raise typer.Exit(UNCHECKED) from None
    if as_json:
        print_json(_as_json(report))
    else:
        from rich.console import Console

        _print(report, Console())
    if report.differing:
        raise typer.Exit(FAILED)
    if report.unchecked:
        raise typer.Exit(UNCHECKED)


async def _verify(settings: "Settings", tenant: str | None, *, quiet: bool) -> "Report":
    from rich.console import Console

    from cli.verify_progress import Silent, showing
    from infra.log_reader import LogReader
    from infra.log_scan import LogScan
    from infra.mongo import Mongo
    from projections.verification import verify_live
    from projections.verification_shares import verify_shared
    from projections.verification_task import Sources

    mongo, reader, scan = Mongo(settings), LogReader(settings), LogScan(settings)
    try:
        await mongo.check_replica_set()
        with nullcontext(Silent()) if quiet else showing(Console(stderr=True)) as view:
            sources = Sources(mongo, reader, scan)
            by = partial(verify_shared, settings)
            return await verify_live(sources, tenant=tenant, watch=view.show, by=by)
    finally:
        await scan.stop()
        await reader.stop()
        mongo.close()


def _as_json(report: "Report") -> dict[str, Any]:
    return {
        "equal": not report.differing and not report.unchecked,
        "events": report.events,
        "documents": report.documents,
        "differing": report.differing,
        "differences": [difference._asdict() for difference in report.differences],
        "unchecked": report.unchecked,
        "verified": [verified._asdict() for verified in report.verified],
    }


def _print(report: "Report", console: "Console") -> None:
    if report.differences:
        rows = [
            (d.model, d.key, d.version, d.kind, d.field, d.expected, d.found)
            for d in report.differences
        ]
        console.print(table("Differences", _COLUMNS, rows))
    hidden = report.differing - report.explained
    if hidden:
        console.print(f"and {hidden:,} more that differ", markup=False)
    for reason in report.unchecked:
        console.print(f"not checked: {reason}", markup=False, style="red", soft_wrap=True)
    verdict = f"{report.differing:,} differ" if report.differing else "nothing differs"
    if report.unchecked:
        verdict += ", but not everything could be checked"
    console.print(
        f"{report.events:,} events folded, {report.documents:,} documents compared: {verdict}",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
