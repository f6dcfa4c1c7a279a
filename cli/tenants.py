"""Tenants on the command line: what no tenant can be called is a mistake."""

import typer

from cli.running import MISUSED


def checked_tenant(tenant_id: str | None) -> str | None:
    """The tenant that an option names; what cannot be one ends the command with a line."""
    from domain.identity import is_tenant_id

    if tenant_id is None or is_tenant_id(tenant_id):
        return tenant_id
    typer.echo(
        f"deskstream: --tenant {tenant_id!r}: 1 to 64 letters, digits, - and _ name a tenant",
        err=True,
    )
    raise typer.Exit(MISUSED)
