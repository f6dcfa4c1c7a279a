"""The OpenAPI document is complete, and whatever is made of it is answered as it says."""

import asyncio
import os
import random
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given
from hypothesis import settings as bounded
from pymongo import MongoClient
from schemathesis.checks import not_a_server_error
from schemathesis.python import asgi
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from api.app import create_app
from infra import collections
from infra.collections import ensure_collections
from infra.mongo import Mongo
from infra.settings import Settings
from tests.api.documents import alert, change, run_audit, ticket
from tests.api.tally import note

EXAMPLES = bounded(
    max_examples=int(os.environ.get("API_EXAMPLES", "12")),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
KNOWN = {"tenant_id": "acme", "ticket_id": "T-1", "alert_id": "alert-1", "job_id": "job-1"}


def document() -> dict[str, Any]:
    """The document of an application that is not started."""
    return create_app(Settings(_env_file=None)).openapi()


OPERATIONS = [
    (method.upper(), path)
    for path, operations in document()["paths"].items()
    for method in operations
    if path != "/health"  # it answers 503 where no helpdesk is
]


def test_every_route_says_what_it_answers() -> None:
    paths = document()["paths"]

    assert len(paths) >= 16
    exported = paths["/tickets/export"]["get"]["responses"]["200"]["content"]
    assert set(exported) == {"text/csv", "application/x-ndjson"}
    del paths["/metrics"], paths["/tickets/export"]
    for path, operations in paths.items():
        for operation in operations.values():
            answers = operation["responses"]
            assert {"200", "422", "503"} <= set(answers), path
            assert "$ref" in str(answers["200"]["content"]["application/json"]["schema"]), path
            for status, answer in answers.items():
                if int(status) >= 400:
                    [media] = answer["content"]
                    assert media == "application/problem+json", (path, status)
            assert operation["summary"]
            assert operation["description"]


def test_answers_about_tickets_and_tenants_say_that_they_are_conditional() -> None:
    reads = {path: some["get"] for path, some in document()["paths"].items() if "get" in some}

    conditional = {path for path, read in reads.items() if "304" in read["responses"]}

    wanted = {path for path in reads if path.startswith(("/tickets", "/tenants"))}
    assert conditional == wanted - {"/tickets/export"}
    for path in conditional:
        assert "If-None-Match" in {p["name"] for p in reads[path]["parameters"]}
        assert "ETag" in reads[path]["responses"]["200"]["headers"]


def test_every_reference_leads_somewhere() -> None:
    made = document()
    schemas = made["components"]["schemas"]
    wanted = set(_references(made))

    assert wanted
    assert {name.removeprefix("#/components/schemas/") for name in wanted} <= set(schemas)
    assert "HTTPValidationError" not in schemas


@pytest.fixture(scope="module")
def api_schema(session_settings: Settings, topic_prefix: str) -> Iterator[schemathesis.BaseSchema]:
    """The document of an application that has something to show."""
    client: MongoClient[dict[str, Any]] = MongoClient(
        session_settings.mongodb_uri.get_secret_value()
    )
    changes = {"mongodb_database": f"c{uuid.uuid4().hex[:12]}", "kafka_topic_prefix": topic_prefix}
    own = session_settings.model_copy(update=changes)
    # While the application made them, questions about its state would wait for their locks.
    asyncio.run(_make_collections(own))
    database = client[own.mongodb_database]
    database[collections.TICKETS].insert_many([ticket("T-1"), ticket("T-2", source=None)])
    database[collections.TICKET_HISTORY].insert_one(change("T-1", 1))
    database[collections.ALERTS].insert_one(alert("alert-1"))
    database[collections.INGESTION_LOGS].insert_one(run_audit("job-1"))
    with pytest.MonkeyPatch.context() as patched:
        # It runs in a thread of its own: a draw there would be taken for one of a strategy here.
        patched.setattr("aiokafka.client.random", random.Random())
        yield schemathesis.openapi.from_asgi("/openapi.json", create_app(own))
        asgi.shutdown_lifespans()
    client.drop_database(own.mongodb_database)
    client.close()


@pytest.mark.services
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_whatever_is_asked_is_answered_as_documented(
    api_schema: schemathesis.BaseSchema, method: str, path: str
) -> None:
    @given(case=api_schema[path][method].as_strategy())
    @EXAMPLES
    def asked(case: schemathesis.Case[Any]) -> None:
        _make_waits_short(case)
        note("as documented", case.call_and_validate(checks=CHECKS).status_code)

    asked()


@pytest.mark.services
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_whatever_is_asked_of_a_known_tenant_is_answered(
    api_schema: schemathesis.BaseSchema, method: str, path: str
) -> None:
    """Most invented tenants are none: here the other parameters meet real documents."""

    @given(case=api_schema[path][method].as_strategy())
    @EXAMPLES
    def asked(case: schemathesis.Case[Any]) -> None:
        _make_waits_short(case)
        for place in (case.path_parameters, case.query):
            place.update({name: value for name, value in KNOWN.items() if name in place})
        note("as documented", case.call_and_validate(checks=CHECKS).status_code)

    asked()


async def _make_collections(settings: Settings) -> None:
    mongo = Mongo(settings)
    await ensure_collections(mongo)
    mongo.close()


def _make_waits_short(case: schemathesis.Case[Any]) -> None:
    if "wait" in case.query:
        case.query["wait"] = 0


def _references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for value in part.values():
            yield from _references(value)
    elif isinstance(part, list):
        for value in part:
            yield from _references(value)
