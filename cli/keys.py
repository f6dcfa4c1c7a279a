"""`deskstream keys`: keys to the API, made, listed, rotated and revoked."""

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar

import typer

from cli.ages import age_of
from cli.output import Json, print_json, table
from cli.running import MISUSED, perform

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from domain.access import KeyScope
    from domain.api_keys import ApiKey
    from infra.api_key_documents import NewSecret
    from infra.api_keys import ApiKeys
    from infra.settings import Settings

T = TypeVar("T")

app = typer.Typer(help="Keys to the API.", no_args_is_help=True)

_COLUMNS = ("id", "tenant", "scopes", "name", "made", "last used", "state")

Tenant = Annotated[str, typer.Option(help="The tenant that it is good for, or * for all.")]
Scope = Annotated[
    list[str],
    typer.Option(
        help="What it is good for: tickets:read, stats:read, ingest:write, alerts:write, admin;"
        " several with commas.",
    ),
]
Name = Annotated[str | None, typer.Option(help="Whose it is, or what for: shown in lists.")]
Expires = Annotated[str | None, typer.Option(help="How long it is good, as 12h or 90d.")]
First = Annotated[
    bool, typer.Option("--first", help="Only if no key was ever made: else make none.")
]
KeyId = Annotated[str, typer.Argument(help="Which key: the id that `keys list` shows.")]
Overlap = Annotated[str, typer.Option(help="How long the old secret stays good, as 0s or 1d.")]


@app.command()
def create(
    tenant: Tenant,
    scope: Scope,
    name: Name = None,
    expires: Expires = None,
    first: First = False,
    as_json: Json = False,
) -> None:
    """Make a key, and show it: this once, as only its hash is kept."""
    from domain.access import bound_to, parse_scopes
    from domain.access_errors import KeyRequestError

    try:
        wanted = bound_to(tenant), parse_scopes(",".join(scope))
    except KeyRequestError as error:
        _misused(str(error))
    span = _span(expires, "--expires")
    if span == timedelta(0):
        _misused("--expires: a key that is good for no time is good for nothing")
    if first and span is not None:
        _misused("a key made with --first does not expire: nothing would make the next one")
    made = perform(partial(_create, *wanted, name, span, first))
    if as_json:
        print_json(None if made is None else _with_secret(made))
    elif made is None:
        typer.echo("a key was made before: none is made now (deskstream keys list)", err=True)
    else:
        _show_secret(made, "made")


@app.command("list")
def list_keys(as_json: Json = False) -> None:
    """Show every key that was ever made, without its secret."""
    keys = perform(partial(_with_keys, lambda kept: kept.find_all()))
    if as_json:
        print_json({"keys": [_as_json(key) for key in keys]})
        return
    from rich.console import Console

    shown = table("Keys", _COLUMNS, map(_row, keys))
    shown.columns[0].no_wrap = True  # it is what the other commands want
    Console().print(shown)


@app.command()
def revoke(key_id: KeyId, as_json: Json = False) -> None:
    """End a key: within seconds it lets nobody in, in no process."""
    key = perform(partial(_with_keys, lambda kept: kept.revoke(key_id)))
    if as_json:
        print_json(_as_json(key))
    else:
        typer.echo(f"key {key.id} is revoked: within 5 seconds it lets nobody in")


@app.command()
def rotate(key_id: KeyId, overlap: Overlap = "1d", as_json: Json = False) -> None:
    """Make a new secret of a key, and show it; the old one stays good for a while."""
    span = _span(overlap, "--overlap") or timedelta(0)
    made = perform(partial(_with_keys, lambda kept: kept.rotate(key_id, span)))
    if as_json:
        print_json(_with_secret(made))
    else:
        _show_secret(made, f"given a new secret, the old one is good for {overlap}")


async def _create(
    tenant_id: str,
    scopes: "frozenset[KeyScope]",
    name: str | None,
    expires: timedelta | None,
    first: bool,
    settings: "Settings",
) -> "NewSecret | None":
    from domain.instants import cut

    async def made(kept: "ApiKeys") -> "NewSecret | None":
        if first:
            return await kept.create_first(tenant_id, scopes, name)
        expires_at = None if expires is None else cut(datetime.now(UTC) + expires)
        return await kept.create(tenant_id, scopes, name, expires_at)

    return await _with_keys(made, settings)


async def _with_keys(ask: "Callable[[ApiKeys], Awaitable[T]]", settings: "Settings") -> T:
    from infra.api_keys import ApiKeys
    from infra.mongo import Mongo

    mongo = Mongo(settings)
    try:
        await mongo.check_replica_set()
        return await ask(ApiKeys(mongo))
    finally:
        mongo.close()


def _span(text: str | None, option: str) -> timedelta | None:
    if text is None:
        return None
    if (span := age_of(text)) is None:
        _misused(f"{option} {text!r}: a span of time is written as 90m, 12h or 90d")
    return span


def _misused(reason: str) -> NoReturn:
    typer.echo(f"deskstream: {reason}", err=True)
    raise typer.Exit(MISUSED)


def _show_secret(made: "NewSecret", done: str) -> None:
    """The key alone on stdout, for programs; what it is on stderr."""
    key = made.key
    scopes = ", ".join(_as_json(key)["scopes"])
    until = "" if key.expires_at is None else f", until {_moment(key.expires_at)}"
    whose = "all tenants" if key.tenant_id == "*" else f"tenant {key.tenant_id}"
    typer.echo(f"key {key.id} of {whose} is {done}: {scopes}{until}", err=True)
    if "admin" in scopes and key.tenant_id != "*":
        typer.echo("admin concerns all tenants: on a key of one tenant it opens nothing", err=True)
    typer.echo("it is shown this once; send it as Authorization: Bearer KEY", err=True)
    typer.echo(made.text)


def _with_secret(made: "NewSecret") -> dict[str, Any]:
    return {"key": made.text, **_as_json(made.key)}


def _as_json(key: "ApiKey") -> dict[str, Any]:
    from domain.access import in_order

    fields = key._asdict()
    ends = [s.valid_until for s in fields.pop("secrets") if s.valid_until is not None]
    return {**fields, "scopes": in_order(key.scopes), "old_secret_until": max(ends, default=None)}


def _row(key: "ApiKey") -> tuple[object, ...]:
    shown = _as_json(key)
    what = (key.id, key.tenant_id, " ".join(shown["scopes"]), key.name)
    last = key.last_used_at and _moment(key.last_used_at)
    return (*what, key.created_at.date(), last, _state(key, shown["old_secret_until"]))


def _state(key: "ApiKey", old_secret_until: datetime | None) -> str:
    """Whether it lets anybody in, and until when; moments in UTC."""
    now = datetime.now(UTC)
    if key.revoked_at is not None:
        return f"revoked {_moment(key.revoked_at)}"
    if key.expires_at is not None and key.expires_at <= now:
        return f"expired {_moment(key.expires_at)}"
    state = "good" if key.expires_at is None else f"good until {_moment(key.expires_at)}"
    if old_secret_until is not None and old_secret_until > now:
        state += f", old secret until {_moment(old_secret_until)}"
    return state


def _moment(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%MZ")
