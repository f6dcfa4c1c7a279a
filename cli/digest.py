"""`deskstream digest`: one number per tenant and read model, as kept and as recomputed."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.output import Json, print_json, table
from cli.running import FAILED, perform
from cli.tenants import checked_tenant

if TYPE_CHECKING:
    from infra.settings import Settings
    from projections.digest_scan import ModelDigest

_COLUMNS = ("tenant", "read model", "generation", "documents", "digest", "recomputed")

OneTenant = Annotated[
    str | None, typer.Option("--tenant", callback=checked_tenant, help="Only this tenant.")
]
Scan = Annotated[bool, typer.Option("--scan", help="Compute the digests from the documents, too.")]


def digest(tenant: OneTenant = None, scan: Scan = False, as_json: Json = False) -> None:
    """Show the digests of the read models; with --scan, exit 1 if documents do not add up to them.

    Equal digests mean equal documents, whatever the order, the batches or the processes that
    made them.
    """
    found = perform(_reader(tenant, scan=scan))
    if as_json:
        print_json([_as_json(one) for one in found])
    else:
        _print(found)
    if not all(one.agrees for one in found):
        raise typer.Exit(FAILED)


def _reader(tenant: str | None, *, scan: bool) -> Any:  # noqa: ANN401 (an action for `perform`)
    async def read(settings: "Settings") -> "list[ModelDigest]":
        from infra.mongo import Mongo
        from projections.digest_scan import read_digests

        mongo = Mongo(settings)
        try:
            return await read_digests(mongo, tenant, scan=scan)
        finally:
            mongo.close()

    return read


def _as_json(one: "ModelDigest") -> dict[str, Any]:
    found = {
        "tenant_id": one.tenant_id,
        "model": one.model,
        "generation": one.generation,
        "documents": one.kept.documents,
        "digest": one.kept.hex,
    }
    if one.scanned is not None:
        found |= {
            "scanned_documents": one.scanned.documents,
            "scanned_digest": one.scanned.hex,
            "agrees": one.agrees,
        }
    return found


def _print(found: "list[ModelDigest]") -> None:
    from rich.console import Console

    console = Console()
    if not found:
        console.print("No read model holds anything yet.")
        return
    console.print(table("Digests", _COLUMNS, map(_row, found)))


def _row(one: "ModelDigest") -> tuple[object, ...]:
    said = None if one.scanned is None else "agrees" if one.agrees else "DIFFERS"
    place = (one.tenant_id, one.model, one.generation, one.kept.documents)
    return (*place, one.kept.hex[:16], said)
