"""No tenant sees another's anything, on any route that exists."""

import ast
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest
from fastapi import FastAPI

import api as api_package
from infra import collections
from infra.mongo import Mongo
from tests.api.documents import NOON, alert, change, run_audit, store, ticket
from tests.api.tally import note

MINE = "acme"
THEIRS = "globex"
SECRET = "sesame"  # noqa: S105 (a word to look for)
OF_NO_TENANT = {
    "/whoami",
    "/tenants",
    "/health",
    "/livez",
    "/readyz",
    "/metrics",
    "/status",
    "/circuit/{name}/status",
    "/openapi.json",
    "/docs",
    "/docs/oauth2-redirect",
}


def requests(app: FastAPI, tenant_id: str) -> list[str]:
    """Every GET route, asked as `tenant_id` about the ids of the other tenant."""
    urls = []
    for path, operations in app.openapi()["paths"].items():
        if path in OF_NO_TENANT or "get" not in operations:
            continue
        named = {p["name"] for p in operations["get"].get("parameters", ()) if p["in"] == "query"}
        asked = path.format(tenant_id=tenant_id, ticket_id=SECRET, job_id=SECRET, alert_id=SECRET)
        flags = dict.fromkeys({"include_deleted", "include_total"} & named, "true")
        query = {"tenant_id": tenant_id, **flags} if "tenant_id" in named else flags
        urls.append(f"{asked}?{urlencode(query)}" if query else asked)
    return urls


async def fill(mongo: Mongo) -> None:
    """The other tenant has everything, all of it with the secret in it; we have one ticket."""
    await store(
        mongo,
        ticket("T-1", tenant_id=MINE, urgency="high", requires_action=True),
        ticket(
            SECRET,
            tenant_id=THEIRS,
            subject=SECRET,
            message=SECRET,
            customer_id=SECRET,
            status=SECRET,
            urgency="high",
            requires_action=True,
        ),
    )
    await mongo[collections.ALERTS].insert_one(alert(SECRET, tenant_id=THEIRS))
    await mongo[collections.TICKET_HISTORY].insert_one(change(SECRET, 1, tenant_id=THEIRS))
    await mongo[collections.INGESTION_LOGS].insert_one(run_audit(SECRET, tenant_id=THEIRS))
    lease = {"job_id": SECRET, "crawl_id": SECRET, "token": 1, "acquired_at": NOON}
    until = datetime(2999, 1, 1, tzinfo=UTC)
    await mongo[collections.LEASES].insert_one({"_id": THEIRS, "expires_at": until, **lease})


@pytest.mark.services
async def test_no_route_shows_another_tenants_anything(
    api: httpx.AsyncClient, app: FastAPI, mongo: Mongo
) -> None:
    await fill(mongo)

    answers = [(url, await api.get(url)) for url in requests(app, MINE)]

    assert len(answers) >= 11
    for url, answer in answers:
        note("as another tenant", answer.status_code)
        if SECRET in url:
            assert answer.status_code == 404, url
        else:
            assert (answer.status_code, SECRET in answer.text) == (200, False), url


@pytest.mark.services
async def test_the_walk_would_notice(api: httpx.AsyncClient, app: FastAPI, mongo: Mongo) -> None:
    """Asked as the other tenant, the same requests show the secret nearly everywhere."""
    await fill(mongo)

    answers = [(url, await api.get(url)) for url in requests(app, THEIRS)]

    silent = [url for url, a in answers if a.status_code != 200 or SECRET not in a.text]
    # A trend is numbers alone; `test_trend` holds it against those of one tenant.
    trend = f"/tenants/{THEIRS}/stats/trend"
    assert silent == [f"/ingest/status?tenant_id={THEIRS}", f"/ingest/progress/{SECRET}", trend]


def test_only_scopes_name_collections() -> None:
    """A query that does not go through a scope would be one that can forget the tenant."""
    root = Path(api_package.__file__).parent
    modules = {path.relative_to(root).as_posix(): path.read_text() for path in root.rglob("*.py")}

    naming = {name for name, text in modules.items() if _imports_collections(text)}

    assert naming == {"scope.py"}


def test_only_a_caller_is_granted_a_tenant() -> None:
    """`TenantScope` takes nothing else, and mypy sees to it: a route cannot forget to ask."""
    root = Path(api_package.__file__).parent.parent
    packages = ("api", "cli", "dev", "domain", "infra", "projections", "streams", "notifications")
    modules = [path for name in packages for path in (root / name).rglob("*.py")]

    granting = {path for path in modules if "GrantedTenant(" in path.read_text()}

    assert granting == {root / "domain" / "access.py"}


def test_routes_reach_nothing_but_what_asks_who_calls() -> None:
    root = Path(api_package.__file__).parent
    of_caller = {"scope", "runs", "tenants", "retry_alert"}
    of_nobody = {"circuit", "health", "halted", "vital_signs", "wake_ups"}

    reached = {
        node.attr
        for path in (root / "routers").glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "services"
    }

    assert reached == of_caller | of_nobody


def _imports_collections(text: str) -> bool:
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.ImportFrom(module="infra", names=names):
                if "collections" in {alias.name for alias in names}:
                    return True
            case ast.Subscript(value=value) if ast.unparse(value).endswith("mongo"):
                return True
    return False
