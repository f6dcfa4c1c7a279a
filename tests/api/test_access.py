"""Every route there is, asked with every key that is not good for it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import get_args

import httpx
import pytest
from fastapi import APIRouter, FastAPI

from api.access import OPEN, TicketReader, check_declarations
from api.app import create_app
from api.caller_models import Tenants, WhoAmI
from api.errors import UndeclaredRouteError
from api.run_models import Problem
from api.run_scope import RunScope
from domain.access import EVERY_SCOPE, Caller, GrantedTenant, KeyScope, parse_scopes
from domain.api_keys import written
from infra.api_keys import ApiKeys
from infra.mongo import Mongo
from infra.settings import Settings
from tests.api.access import INVENTED, MINE, NOBODY, SECRET, THEIRS, Route, belongings, fill, routes
from tests.api.conftest import serving
from tests.api.documents import store, ticket
from tests.api.tally import note
from tests.integration.pipeline import eventually

ROUTES = list(routes(create_app(Settings(_env_file=None))))
GUARDED = [route for route in ROUTES if not route.is_open]
OF_DEPLOYMENT = {"/metrics", "/circuit/{name}/reset"}
# One of these scopes each route wants, beside `admin` where it concerns all tenants.
WANTED = {
    "POST /ingest/run": ["ingest:write"],
    "DELETE /ingest/{job_id}": ["ingest:write"],
    "GET /ingest/status": ["tickets:read", "ingest:write"],
    "GET /ingest/progress/{job_id}": ["tickets:read", "ingest:write"],
    "GET /ingest/lock/{tenant_id}": ["tickets:read", "ingest:write"],
    "GET /ingest/logs": ["tickets:read", "ingest:write"],
    "GET /tickets": ["tickets:read"],
    "GET /tickets/urgent": ["tickets:read"],
    "GET /tickets/export": ["tickets:read"],
    "GET /tickets/{ticket_id}": ["tickets:read"],
    "GET /tickets/{ticket_id}/history": ["tickets:read"],
    "GET /tenants": [],
    "GET /tenants/{tenant_id}/stats": ["stats:read"],
    "GET /tenants/{tenant_id}/stats/trend": ["stats:read"],
    "GET /alerts": ["tickets:read"],
    "GET /alerts/{alert_id}": ["tickets:read"],
    "POST /alerts/{alert_id}/retry": ["alerts:write"],
    "GET /circuit/{name}/status": [],
    "POST /circuit/{name}/reset": ["admin"],
    "GET /whoami": [],
    "GET /status": [],
    "GET /metrics": ["admin"],
}


def bearing(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}", "X-Request-ID": "trace-1"}


@dataclass
class Door:
    """A running API on which keys exist, and those who make them."""

    api: httpx.AsyncClient
    keys: ApiKeys
    mongo: Mongo

    async def key(self, tenant_id: str = MINE, scopes: str = "") -> str:
        """A key, with all scopes unless some are named."""
        held = parse_scopes(scopes) if scopes else EVERY_SCOPE
        return (await self.keys.create(tenant_id, held)).text

    async def ask(self, route: Route, url: str, key: str | None) -> httpx.Response:
        headers = {} if key is None else bearing(key)
        answer = await self.api.request(route.method, url, headers=headers)
        note("keys that are not good for it, or for another tenant", answer.status_code)
        return answer


@pytest.fixture
async def door(app: FastAPI, mongo: Mongo) -> AsyncIterator[Door]:
    keys = ApiKeys(mongo)
    await keys.create("initech", EVERY_SCOPE)
    async with serving(app) as api:
        yield Door(api, keys, mongo)


async def status_of(api: httpx.AsyncClient, headers: dict[str, str] | None = None) -> int:
    return (await api.get("/tickets?tenant_id=acme", headers=headers)).status_code


async def ends(api: httpx.AsyncClient, key: str) -> None:
    """Wait until a key that was good lets nobody in."""
    await eventually(lambda: status_of(api, bearing(key)), lambda status: status == 401)


def refused(answer: httpx.Response, status: int, kind: str) -> str:
    """What the refusal says of keys."""
    assert answer.status_code == status, (answer.request.url, answer.text)
    problem = Problem.model_validate(answer.json())
    assert problem.type == f"urn:deskstream:problem:{kind}"
    assert SECRET not in answer.text.replace(str(answer.request.url.path), "")
    return str(answer.headers.get("WWW-Authenticate", ""))


def test_the_walk_meets_every_route() -> None:
    assert {route.path for route in ROUTES if route.is_open} == {"/health", "/livez", "/readyz"}
    assert {route.name for route in GUARDED} == WANTED.keys()


def test_the_document_says_what_is_wanted() -> None:
    made = create_app(Settings(_env_file=None)).openapi()

    [name] = made["components"]["securitySchemes"]
    for route in ROUTES:
        answers = set(route.operation["responses"])
        assert route.is_open or route.said == WANTED[route.name]
        assert (route.operation.get("security") == [{name: []}]) == (not route.is_open)
        assert ("401" in answers) == (not route.is_open)
        assert ("403" in answers) == bool(WANTED.get(route.name))
        assert "404" in answers or not (route.takes_tenant or route.takes_thing)


@pytest.mark.services
@pytest.mark.parametrize("prefix", ["", "/v1"])
async def test_without_a_key_nothing_is_answered_but_health(door: Door, prefix: str) -> None:
    for route in ROUTES:
        for url in (route.url(MINE), route.path, route.url(MINE) + "?x=1&x=2"):
            answer = await door.ask(route, prefix + url, None)
            if route.is_open:
                assert answer.status_code != 401
            else:
                assert refused(answer, 401, "key-required") == 'Bearer realm="deskstream"'


@pytest.mark.services
async def test_a_key_that_is_none_is_refused_on_every_route(door: Door) -> None:
    revoked, rotated = [await door.keys.create("*", EVERY_SCOPE) for _ in range(2)]
    past = datetime.now(UTC) - timedelta(seconds=1)
    expired = await door.keys.create("*", EVERY_SCOPE, expires_at=past)
    await door.keys.revoke(revoked.key.id)
    await door.keys.rotate(rotated.key.id, timedelta(0))
    for made in (revoked, rotated):  # a look may have begun before that
        await ends(door.api, made.text)

    spoilt = (revoked.text[:-1], "guessed", "a b", written(bytes(32)))
    for key in (revoked.text, rotated.text, expired.text, *spoilt):
        for route in GUARDED:
            challenge = refused(await door.ask(route, route.url(MINE), key), 401, "key-refused")
            assert challenge == 'Bearer realm="deskstream", error="invalid_token"'


@pytest.mark.services
@pytest.mark.parametrize(
    "headers",
    [
        [("Authorization", "Bearer")],
        [("Authorization", "Bearer ")],
        [("Authorization", "Bearer a"), ("Authorization", "Bearer a")],
        [("Authorization", "Basic YTpi"), ("Authorization", "Bearer a")],
    ],
)
async def test_a_header_that_holds_no_key_is_refused(
    door: Door, headers: list[tuple[str, str]]
) -> None:
    refused(await door.api.get("/whoami", headers=headers), 401, "key-refused")


@pytest.mark.services
async def test_another_scheme_is_no_key(door: Door) -> None:
    answer = await door.api.get("/whoami", headers={"Authorization": "Basic YTpi"})

    refused(answer, 401, "key-required")


@pytest.mark.services
async def test_a_key_without_the_scope_is_refused_and_one_with_it_is_not(door: Door) -> None:
    await fill(door.mongo)
    only = {scope: await door.key("*", scope) for scope in KeyScope}

    for route in GUARDED:
        wanted = WANTED[route.name]
        for scope, key in only.items():
            answer = await door.ask(route, route.url(MINE), key)
            if wanted and scope not in wanted:
                challenge = refused(answer, 403, "insufficient-scope")
                assert f'scope="{wanted[0]}"' in challenge
                assert answer.json()["scopes"] == wanted
            else:
                assert answer.status_code in {200, 202, 409}, (route, scope, answer.text)


@pytest.mark.services
async def test_what_concerns_all_tenants_wants_admin_of_all(door: Door) -> None:
    bound, admin = await door.key(MINE), await door.key("*")
    reader = await door.key("*", "ingest:write")
    concerned = [r for r in GUARDED if r.path in OF_DEPLOYMENT or r.takes_all_tenants]
    assert len(concerned) == 6
    for route in concerned:
        url = route.url("*")
        refused(await door.ask(route, url, bound), 403, "key-of-one-tenant")
        refused(await door.ask(route, url, reader), 403, "insufficient-scope")
        assert (await door.ask(route, url, admin)).status_code in {200, 202, 404}, url


@pytest.mark.services
async def test_what_is_theirs_is_answered_like_what_nobody_has(door: Door) -> None:
    """The whole answer is the same but for the name that was asked for, and nothing is changed."""
    await fill(door.mongo)
    key, before = await door.key(MINE), await belongings(door.mongo, THEIRS)
    asked = 0
    for route in GUARDED:
        pairs: list[tuple[tuple[str | None, str], tuple[str | None, str]]]
        pairs = [((THEIRS, SECRET), (NOBODY, SECRET))] if route.takes_tenant else []
        if route.takes_thing:
            pairs += [((MINE, SECRET), (MINE, INVENTED)), ((None, SECRET), (None, INVENTED))]
        for theirs, nobodys in pairs:
            if theirs[0] is None and "{tenant_id}" in route.path:
                continue
            existing = await door.ask(route, route.url(*theirs), key)
            invented = await door.ask(route, route.url(*nobodys), key)
            asked += 1
            assert existing.status_code == invented.status_code, route
            assert existing.status_code in ({404, 422} if theirs[0] is None else {404}), route
            assert _anonymous(existing) == _anonymous(invented)
    assert asked >= 25
    assert await belongings(door.mongo, THEIRS) == before
    assert await belongings(door.mongo, NOBODY) == {name: [] for name in before}


def _anonymous(answer: httpx.Response) -> tuple[str, dict[str, str]]:
    """All of an answer; names of the same length are the same name."""
    text = answer.text
    for name in (NOBODY, INVENTED):
        text = text.replace(name, THEIRS if name == NOBODY else SECRET)
    return text, dict(answer.headers)


@pytest.mark.services
async def test_the_same_walk_as_the_other_tenant_finds_the_things(door: Door) -> None:
    """Else it would compare refusals of what is not there at all."""
    await fill(door.mongo)
    key = await door.key(THEIRS)

    answers = [await door.ask(r, r.url(THEIRS, SECRET), key) for r in GUARDED if r.takes_thing]

    assert {answer.status_code for answer in answers} <= {200, 202}


@pytest.mark.services
async def test_a_run_of_all_tenants_is_nobodys_but_its_operators(door: Door) -> None:
    await store(door.mongo, ticket("1", tenant_id=MINE), ticket("1", tenant_id=THEIRS))
    admin, bound = await door.key("*"), await door.key(MINE)
    headers = bearing(admin)
    run = (await door.api.post("/ingest/run?tenant_id=*", headers=headers)).json()["job_id"]

    for method, path in (("GET", "/ingest/progress/"), ("DELETE", "/ingest/")):
        theirs = await door.api.request(method, path + run, headers=bearing(bound))
        invented = await door.api.request(method, path + "x" * 36, headers=bearing(bound))
        refused(theirs, 404, "job-not-found")
        assert theirs.text == invented.text.replace("x" * 36, run)
        reader = bearing(await door.key("*", "ingest:write"))
        refused(
            await door.api.request(method, path + run, headers=reader), 403, "insufficient-scope"
        )
    assert (await door.api.get(f"/ingest/progress/{run}", headers=headers)).status_code == 200


@pytest.mark.services
async def test_lists_of_mine_hold_nothing_of_theirs(door: Door) -> None:
    await fill(door.mongo)
    key = await door.key(MINE)

    for route in GUARDED:
        if route.method == "GET" and route.path not in OF_DEPLOYMENT:
            answer = await door.ask(route, route.url(MINE), key)
            assert answer.status_code == 200, route
            assert SECRET not in answer.text
            assert THEIRS not in answer.text


@pytest.mark.services
async def test_callers_learn_who_they_are_and_which_tenants_they_see(door: Door) -> None:
    await fill(door.mongo)
    made = await door.keys.create(MINE, frozenset({KeyScope.STATS_READ}), "the dashboard")
    everything = bearing(await door.key("*"))

    me = WhoAmI.model_validate_json(
        (await door.api.get("/whoami", headers=bearing(made.text))).text
    )
    mine = await door.api.get("/tenants", headers=bearing(made.text))
    all_of_them = await door.api.get("/tenants", headers=everything)

    assert me == WhoAmI(
        access="key",
        key_id=made.key.id,
        name="the dashboard",
        tenant_id=MINE,
        scopes=[KeyScope.STATS_READ],
    )
    assert Tenants.model_validate_json(mine.text).tenants == [MINE]
    assert Tenants.model_validate_json(all_of_them.text).tenants == [MINE, THEIRS]


@pytest.mark.services
async def test_where_no_key_exists_a_loopback_api_is_open(api: httpx.AsyncClient) -> None:
    answer = (await api.get("/whoami", headers=bearing("whatever"))).json()

    assert (answer["access"], answer["tenant_id"], answer["key_id"]) == ("open", "*", None)
    assert answer["scopes"] == [scope.value for scope in KeyScope]


@pytest.mark.services
async def test_where_access_is_open_pages_of_other_sites_are_refused(
    api: httpx.AsyncClient,
) -> None:
    url = "/ingest/run?tenant_id=*"
    elsewhere = await api.post(url, headers={"Origin": "https://shop.example"})
    hidden = await api.post(url, headers={"Origin": "null"})
    own = await api.post(url, headers={"Origin": "http://api"})

    assert [answer.status_code for answer in (elsewhere, hidden, own)] == [403, 403, 202]
    assert "https://shop.example" in refused(elsewhere, 403, "foreign-page") + elsewhere.text


@pytest.mark.services
async def test_a_key_made_while_access_is_open_closes_it(
    api: httpx.AsyncClient, mongo: Mongo
) -> None:
    assert (await api.get("/tickets?tenant_id=acme")).status_code == 200
    made = await ApiKeys(mongo).create("*", EVERY_SCOPE)

    await eventually(lambda: status_of(api), lambda status: status == 401)

    assert await status_of(api, bearing(made.text)) == 200


@pytest.mark.services
async def test_a_revoked_key_stops_in_every_process(door: Door, settings: Settings) -> None:
    made = await door.keys.create(MINE, EVERY_SCOPE)
    async with serving(create_app(settings)) as elsewhere:
        for process in (door.api, elsewhere):
            assert await status_of(process, bearing(made.text)) == 200
        await door.keys.revoke(made.key.id)
        for process in (door.api, elsewhere):
            await ends(process, made.text)


@pytest.mark.services
async def test_when_a_key_was_used_is_noted(door: Door) -> None:
    made = await door.keys.create(MINE, EVERY_SCOPE)
    assert await status_of(door.api, bearing(made.text)) == 200

    async def last_use() -> datetime | None:
        return next(k.last_used_at for k in await door.keys.find_all() if k.id == made.key.id)

    used_at = await eventually(last_use, lambda noted: noted is not None)

    assert used_at is not None
    assert (used_at.second, used_at.microsecond) == (0, 0)


def test_a_route_that_declares_nothing_does_not_start() -> None:
    router = APIRouter()

    @router.get("/forgotten")
    async def forgotten() -> None: ...

    @router.get("/twice", dependencies=[OPEN])
    async def twice() -> None: ...

    app = FastAPI(openapi_url=None)
    app.include_router(router, prefix="/v1")

    with pytest.raises(UndeclaredRouteError, match="/v1/forgotten"):
        check_declarations(app)


def scopes_left_out(patched: pytest.MonkeyPatch) -> None:
    """Every key reads tickets."""
    patched.setattr(get_args(TicketReader)[1].dependency, "any_of", ())


def tenants_left_out(patched: pytest.MonkeyPatch) -> None:
    """A route takes the tenant that it is asked for."""
    patched.setattr(Caller, "grant", lambda _, tenant_id: GrantedTenant(tenant_id))


def runs_left_out(patched: pytest.MonkeyPatch) -> None:
    """A run is shown and stopped to whoever knows its id."""
    patched.setattr(RunScope, "_check", lambda _, job: None)


@pytest.mark.faults
@pytest.mark.parametrize(
    ("bug", "check"),
    [
        (scopes_left_out, test_a_key_without_the_scope_is_refused_and_one_with_it_is_not),
        (tenants_left_out, test_what_is_theirs_is_answered_like_what_nobody_has),
        (runs_left_out, test_what_is_theirs_is_answered_like_what_nobody_has),
    ],
)
async def test_a_planted_bug_turns_the_walk_red(
    door: Door,
    monkeypatch: pytest.MonkeyPatch,
    bug: Callable[[pytest.MonkeyPatch], None],
    check: Callable[[Door], Awaitable[None]],
) -> None:
    bug(monkeypatch)

    with pytest.raises(AssertionError):
        await check(door)
