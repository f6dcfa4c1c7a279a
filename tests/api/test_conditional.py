"""Conditional requests: a tag for each answer, and no body for whoever has it."""

from datetime import timedelta

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.answers import JsonResponse, tagged_without
from api.conditional import ConditionalAnswers
from api.entity_tags import is_known
from infra import collections
from infra.mongo import Mongo
from tests.api.documents import NOON, change, store, ticket

PATHS = [
    "/tickets?tenant_id=acme&limit=1",
    "/v1/tickets?tenant_id=acme&limit=1",
    "/tickets/urgent?tenant_id=acme&limit=1",
    "/tickets/T-1?tenant_id=acme",
    "/tickets/T-1/history?tenant_id=acme&limit=1",
]


@pytest.mark.services
@pytest.mark.parametrize("path", PATHS)
async def test_who_has_an_answer_gets_304_until_it_changes(
    api: httpx.AsyncClient, mongo: Mongo, path: str
) -> None:
    urgent = [ticket(id_, urgency="high", requires_action=True) for id_ in ("T-1", "T-2")]
    await store(mongo, *urgent)
    await mongo[collections.TICKET_HISTORY].insert_many([change("T-1", 1), change("T-1", 2)])

    first = await api.get(path)
    again = await api.get(path, headers={"If-None-Match": f'"other", W/{first.headers["ETag"]}'})
    await mongo[collections.TICKETS].update_many({}, {"$set": {"status": "closed"}})
    await mongo[collections.TICKET_HISTORY].update_many({}, {"$set": {"job_id": "job-1"}})
    after = await api.get(path, headers={"If-None-Match": first.headers["ETag"]})

    assert (first.status_code, again.status_code, after.status_code) == (200, 304, 200)
    assert again.content == b""
    for name in ("ETag", "Link", "Cache-Control"):
        assert again.headers.get(name) == first.headers.get(name)
    assert again.headers["Cache-Control"] == "private, no-cache"
    assert ("Link" in first.headers) == ("limit" in path)
    assert not {"content-type", "content-length"} & set(again.headers)
    assert "X-Request-ID" in again.headers
    assert after.headers["ETag"] != first.headers["ETag"]


@pytest.mark.services
async def test_what_is_no_json_about_tickets_is_left_alone(
    api: httpx.AsyncClient, mongo: Mongo
) -> None:
    await store(mongo, ticket("T-1"))
    for path in (
        "/tickets/export?tenant_id=acme",
        "/tickets/T-2?tenant_id=acme",
        "/livez",
        "/ingest/status?tenant_id=acme",
    ):
        answer = await api.get(path, headers={"If-None-Match": "*"})

        assert answer.status_code != 304, path
        assert answer.content, path
        assert "ETag" not in answer.headers, path


KNOWN = ['"a"', 'W/"a"', '"b", "a"', '"b",W/"a" , "c"', "*", " * ", '"x,y", "a"']
UNKNOWN = ["", "a", '"A"', '"aa"', '"b", "c"', "a,b", '"x"a"']


@pytest.mark.parametrize("tag", ['"a"', 'W/"a"'])
def test_tags_compare_weakly(tag: str) -> None:
    assert all(is_known(condition, tag) for condition in KNOWN)
    assert not any(is_known(condition, tag) for condition in UNKNOWN)


async def test_a_route_may_say_which_fields_make_no_difference() -> None:
    made = iter([NOON, NOON + timedelta(seconds=1), NOON + timedelta(seconds=2)])
    total = 1

    def statistics(request: Request) -> Response:
        answer = {"total": total, "generated_at": str(next(made))}
        return JsonResponse(answer, headers=tagged_without(answer, "generated_at"))

    app = ConditionalAnswers(Starlette(routes=[Route("/tenants/acme/stats", statistics)]))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
        first = await client.get("/tenants/acme/stats")
        known = {"If-None-Match": first.headers["ETag"]}
        again = await client.get("/tenants/acme/stats", headers=known)
        total = 2
        after = await client.get("/tenants/acme/stats", headers=known)

    assert first.headers["ETag"].startswith('W/"')
    assert (again.status_code, again.content) == (304, b"")
    assert (after.status_code, after.json()["total"]) == (200, 2)
