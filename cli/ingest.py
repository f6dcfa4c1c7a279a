"""`deskstream ingest` and `cancel`: start a run through the API and watch it, or stop it."""

from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.output import Json, print_json, table
from cli.running import FAILED, MISUSED, one_line_errors
from cli.tenants import checked_tenant

if TYPE_CHECKING:
    from cli.api_client import ApiClient
    from cli.runs import Run

_ALL = "*"

Tenant = Annotated[str | None, typer.Option(callback=checked_tenant, help="The tenant to ingest.")]
All = Annotated[bool, typer.Option("--all", help="Crawl once, for every tenant.")]
Api = Annotated[str | None, typer.Option(help="Where the API is; else by API_HOST, API_PORT.")]
Confirm = Annotated[
    bool,
    typer.Option(
        "--confirm-deletions", help="Believe it if many of a tenant's tickets are gone at once."
    ),
]
Follow = Annotated[bool, typer.Option(help="Where a run is on already, watch that one.")]


def ingest(
    tenant: Tenant = None,
    every_tenant: All = False,
    api: Api = None,
    follow: Follow = False,
    confirm_deletions: Confirm = False,
    as_json: Json = False,
) -> None:
    """Start a run, show its progress, and print its counters; exit code 1 unless it completed."""
    if (tenant is None) == (not every_tenant):
        typer.echo("deskstream: name one tenant with --tenant, or all with --all", err=True)
        raise typer.Exit(MISUSED)
    with one_line_errors(), _client(api) as client:
        job_id = _started(client, tenant or _ALL, follow=follow, confirm=confirm_deletions)
        run = _followed(client, job_id, quiet=as_json)
    if as_json:
        print_json({"job": run.job, "tenants": run.tenants})
    else:
        _print(run)
    if not run.is_complete:
        raise typer.Exit(FAILED)


def cancel(
    job_id: Annotated[str, typer.Argument(help="The run to stop.")],
    api: Api = None,
    as_json: Json = False,
) -> None:
    """Stop a run; what it ingested stays. Exit code 1 if it cannot be stopped any more."""
    with one_line_errors(), _client(api) as client:
        job = client.stop_run(job_id)
    if as_json:
        print_json(job)
        return
    done = "is cancelled" if job["status"] == "CANCELLED" else "fetches nothing more, and ends soon"
    typer.echo(f"run {job['job_id']} of {job['tenant_id']} {done}")


def _client(api: str | None) -> "ApiClient":
    from cli.api_client import ApiClient, url_of
    from infra.settings import load_settings

    settings = load_settings()
    return ApiClient(api or url_of(settings), settings.deskstream_api_key)


def _started(client: "ApiClient", tenant_id: str, *, follow: bool, confirm: bool) -> str:
    from domain.errors import TenantBusyError

    try:
        return client.start_run(tenant_id, confirm_deletions=confirm)
    except TenantBusyError as error:
        if not follow or error.job_id is None:
            raise
        return error.job_id


def _followed(client: "ApiClient", job_id: str, *, quiet: bool) -> "Run":
    from rich.console import Console

    from cli.progress import showing
    from cli.runs import follow_run

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
    if skipped := run.job["skipped"]:
        console.print(f"skipped, as another run holds them: {', '.join(skipped)}", markup=False)
    for error in run.job["errors"]:
        console.print(f"error: {error}", markup=False, style="red")
