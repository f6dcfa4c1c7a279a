"""Every error is a problem of RFC 9457 that names the request."""

import httpx
import pytest

from api.run_models import Problem

pytestmark = pytest.mark.services

REFUSED = [
    ("GET", "/nothing/here", 404, "not-found"),
    ("GET", "/tickets/", 404, "not-found"),
    ("DELETE", "/tickets", 405, "method-not-allowed"),
    ("GET", "/ingest/run", 405, "method-not-allowed"),
    ("GET", "/tickets", 422, "invalid-parameter"),
    ("GET", "/tickets?tenant_id=a%20b", 422, "invalid-parameter"),
    ("GET", "/tickets?tenant_id=acme%0A", 422, "invalid-parameter"),
    ("GET", "/tickets?tenant_id=acme&query=x", 422, "invalid-parameter"),
    ("GET", "/tickets?tenant_id=acme&tenant_id=globex", 422, "invalid-parameter"),
    ("GET", "/tickets?tenant_id=acme&limit=0", 422, "invalid-parameter"),
    ("GET", "/tickets?tenant_id=acme&limit=1001", 422, "invalid-parameter"),
    ("GET", "/tickets?tenant_id=acme&urgency=high,huge", 422, "invalid-parameter"),
    ("GET", "/tickets?tenant_id=acme&sort=message", 422, "invalid-parameter"),
    ("GET", "/tickets?tenant_id=acme&created_from=yesterday", 422, "invalid-parameter"),
    ("GET", "/tickets?tenant_id=acme&created_from=2027&created_to=2026", 422, "invalid-parameter"),
    ("GET", "/tickets?tenant_id=acme&cursor=abc", 422, "invalid-parameter"),
    ("GET", "/tickets?tenant_id=acme&page=1&limit=5", 422, "invalid-parameter"),
    ("GET", "/tickets?tenant_id=acme&page=201&page_size=50", 422, "invalid-parameter"),
    ("GET", "/tickets?tenant_id=acme&page=99999999999999999999", 422, "invalid-parameter"),
    (
        "GET",
        "/tickets?tenant_id=acme&include_deleted=true&sort=created_at",
        422,
        "invalid-parameter",
    ),
    ("GET", "/tickets/T-1?tenant_id=acme", 404, "ticket-not-found"),
    ("GET", "/tickets/T-1/history?tenant_id=acme", 404, "ticket-not-found"),
    ("GET", f"/tickets/{'x' * 257}?tenant_id=acme", 422, "invalid-parameter"),
    ("GET", "/tenants/acme/stats", 404, "tenant-not-found"),
    ("GET", "/tenants/a:b/stats", 422, "invalid-parameter"),
    ("GET", "/tenants/acme/stats?tz=Mars", 422, "invalid-parameter"),
    (
        "GET",
        "/tenants/acme/stats?from_date=2026-02-01&to_date=2026-01-01",
        422,
        "invalid-parameter",
    ),
    ("GET", "/ingest/progress/unknown", 404, "job-not-found"),
    ("GET", "/ingest/progress/unknown?x=1", 422, "invalid-parameter"),
    ("POST", "/ingest/run?tenant_id=acme&wait=301", 422, "invalid-parameter"),
    ("POST", "/ingest/run?tenant_id=acme&wait=nan", 422, "invalid-parameter"),
    ("POST", "/ingest/run", 422, "invalid-parameter"),
    ("GET", "/livez?verbose=1", 422, "invalid-parameter"),
]


@pytest.mark.parametrize(("method", "path", "status", "kind"), REFUSED)
async def test_an_error_is_a_problem(
    api: httpx.AsyncClient, method: str, path: str, status: int, kind: str
) -> None:
    for prefix in ("", "/v1"):
        answer = await api.request(method, prefix + path, headers={"X-Request-ID": "trace-1"})

        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"
        problem = Problem.model_validate(answer.json())
        assert (problem.status, problem.type) == (status, f"urn:deskstream:problem:{kind}")
        assert problem.request_id == answer.headers["X-Request-ID"] == "trace-1"
        assert problem.instance == httpx.URL(prefix + path).path
        assert bool(problem.errors) == (status == 422)


async def test_what_is_wrong_is_named(api: httpx.AsyncClient) -> None:
    answer = await api.get("/tickets?tenant_id=acme&limit=many&colour=red")

    assert {error["parameter"] for error in answer.json()["errors"]} == {"limit", "colour"}


async def test_405_says_what_is_allowed(api: httpx.AsyncClient) -> None:
    assert (await api.post("/tickets")).headers["Allow"] == "GET"


@pytest.mark.parametrize("given", ["", "x" * 129, "two words", "naïve"])
async def test_a_request_without_a_decent_id_gets_one(api: httpx.AsyncClient, given: str) -> None:
    answer = await api.get("/livez", headers=[(b"X-Request-ID", given.encode())])

    assert len(answer.headers["X-Request-ID"]) == 36


async def test_pages_end_with_advice(api: httpx.AsyncClient) -> None:
    answer = await api.get("/tickets?tenant_id=acme&page=101&page_size=100")

    assert "next_cursor" in answer.json()["detail"]
