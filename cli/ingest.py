"""`deskstream ingest`: start a run through the API, and watch it to its end."""

from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.output import Json, print_json, table
from cli.running import FAILED, MISUSED, one_line_errors

if TYPE_CHECKING:
    from cli.api_client import ApiClient
    from cli.runs import Run

_ALL = "*"

Tenant = Annotated[str | None, typer.Option(help="The tenant to ingest.")]
All = Annotated[bool, typer.Option("--all", help="Crawl once, for every tenant.")]
Api = Annotated[str | None, typer.Option(help="Where the API is; else by API_HOST, API_PORT.")]
Follow = Annotated[bool, typer.Option(help="Where a run is on already, watch that one.")]


def ingest(
    tenant: Tenant = None,
    every_tenant: All = False,
    api: Api = None,
    follow: Follow = False,
    as_json: Json = False,
) -> None:
    """Start a run, show its progress, and print its counters; exit code 1 unless it completed."""
    if (tenant is None) == (not every_tenant):
        typer.echo("deskstream: name one tenant with --tenant, or all with --all", err=True)
        raise typer.Exit(MISUSED)
    from cli.api_client import ApiClient, url_of
    from infra.settings import load_settings

    with one_line_errors(), ApiClient(api or url_of(load_settings())) as client:
        run = _run(client, tenant or _ALL, follow=follow, quiet=as_json)
    if as_json:
        print_json({"job": run.job, "tenants": run.tenants})
    else:
        _print(run)
    if not run.is_complete:
        raise typer.Exit(FAILED)


def _run(client: "ApiClient", tenant_id: str, *, follow: bool, quiet: bool) -> "Run":
    from rich.console import Console

    from cli.progress import showing
    from cli.runs import follow_run
    from domain.errors import TenantBusyError

    try:
        job_id = client.start_run(tenant_id)
    except TenantBusyError as error:
        if not follow or error.job_id is None:
            raise
        job_id = error.job_id
    with nullcontext(_Silent()) if quiet else showing(Console(stderr=True)) as view:
        return follow_run(client, job_id, view)


class _Silent:
    def show(self, run: Any) -> None:  # noqa: ANN401 (imported late)
        """Show nothing."""


def _print(run: "Run") -> None:
    from rich.console import Console

    from cli.runs import COUNTERS, counter_rows

    console = Console()
    console.print(table("Counters", ("tenant", "status", *COUNTERS), counter_rows(run)))
    for error in run.job["errors"]:
        console.print(f"error: {error}", markup=False, style="red")
