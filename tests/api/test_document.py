"""The OpenAPI document shows everything by example, and the examples are true."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, NamedTuple

import httpx
import pytest
from jsonschema_rs import Draft202012Validator

from api.app import create_app
from api.parameter_examples import PARAMETER_EXAMPLES
from api.problem_kinds import KINDS
from infra import collections
from infra.job_documents import new_job
from infra.mongo import Mongo
from infra.settings import Settings
from tests.api.documents import alert, change, run_audit, store, ticket

DOCUMENT: dict[str, Any] = create_app(Settings(_env_file=None)).openapi()
JOB, ALERT = PARAMETER_EXAMPLES["job_id"], PARAMETER_EXAMPLES["alert_id"]
# `cursor` is what the answer before says; nothing checks engines that a test has none of.
UNASKED = {"cursor"}
WITHOUT_HELPDESK = {"GET /health"}


class Operation(NamedTuple):
    method: str
    path: str
    said: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class Example(NamedTuple):
    """An example, and the schema that it is one of."""

    where: str
    schema: dict[str, Any]
    value: Any


def operations() -> Iterator[Operation]:
    for path, methods in DOCUMENT["paths"].items():
        for method, said in methods.items():
            yield Operation(method.upper(), path, said)


def examples() -> Iterator[Example]:
    for operation in operations():
        for parameter in operation.said["parameters"]:
            where = f"{operation} {parameter['name']}"
            yield Example(where, parameter["schema"], parameter.get("example"))
        for status, answer in operation.said["responses"].items():
            where = f"{operation} {status}"
            for name, header in answer["headers"].items():
                yield Example(f"{where} {name}", header["schema"], header.get("example"))
            for content in answer.get("content", {}).values():
                several = content.get("examples", {"": {"value": content.get("example")}})
                for name, example in several.items():
                    yield Example(f"{where} {name}", content["schema"], example["value"])


def test_nothing_lacks_an_example() -> None:
    found = list(examples())

    assert len(found) > 200
    assert [example.where for example in found if example.value is None] == []


def test_every_example_is_valid_by_its_schema() -> None:
    wrong = []
    for where, schema, value in examples():
        validator = Draft202012Validator({**schema, "components": DOCUMENT["components"]})
        wrong += [f"{where}: {error.message}" for error in validator.iter_errors(value)]

    assert wrong == []


def test_every_error_shows_the_kinds_of_problems_that_it_may_be() -> None:
    shown = set()
    for operation in operations():
        for status, answer in operation.said["responses"].items():
            if int(status) < HTTPStatus.BAD_REQUEST:
                continue
            for name, example in answer["content"]["application/problem+json"]["examples"].items():
                assert example["value"]["type"] == f"urn:deskstream:problem:{name}"
                assert example["value"]["status"] == int(status), operation
                assert example["summary"]
                assert "{" not in example["value"]["instance"]
                shown.add(name)

    assert shown == {kind.name for kind in KINDS.values()}


def test_every_kind_of_problem_is_described() -> None:
    described = DOCUMENT["components"]["schemas"]["Problem"]["properties"]["type"]["description"]

    for kind in KINDS.values():
        assert f"`{kind.name}` ({kind.status})" in described


async def fill(mongo: Mongo) -> None:
    """What the example requests ask about, and nothing else."""
    for name in collections.INDEXES.keys() - {collections.READ_MODELS}:
        await mongo[name].delete_many({})
    await store(mongo, ticket("T-1001", customer_id="C-17"))
    await mongo[collections.TICKET_HISTORY].insert_one(change("T-1001", 1))
    await mongo[collections.ALERTS].insert_one(alert(ALERT, ticket_id="T-1001"))
    await mongo[collections.INGESTION_LOGS].insert_one(run_audit(JOB))
    # Of another tenant: a run of `acme` is to be started.
    await mongo[collections.JOBS].insert_one(new_job("globex", None, {}, 4) | {"_id": JOB})


def requests(operation: Operation) -> Iterator[httpx.Request]:
    """The request with what is required, and one with each optional parameter besides."""
    parameters = operation.said["parameters"]
    needed = [p for p in parameters if p["required"]]
    optional = [p for p in parameters if not p["required"] and p["name"] not in UNASKED]
    for more in ([], *([p] for p in optional)):
        values = {
            place: {p["name"]: _text(p["example"]) for p in (*needed, *more) if p["in"] == place}
            for place in ("path", "query", "header")
        }
        yield httpx.Request(
            operation.method,
            f"http://api{operation.path.format(**values['path'])}",
            params=values["query"],
            headers=values["header"],
        )


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@pytest.mark.services
async def test_every_example_request_is_answered_as_documented(
    api: httpx.AsyncClient, mongo: Mongo
) -> None:
    asked = 0
    for operation in operations():
        for number, request in enumerate(requests(operation)):
            if number == 0 or operation.method != "GET":
                await fill(mongo)
            answer = await api.send(request)
            asked += 1
            if str(operation) not in WITHOUT_HELPDESK:
                assert answer.status_code < HTTPStatus.BAD_REQUEST, (request.url, answer.text)
            assert str(answer.status_code) in operation.said["responses"], request.url

    assert asked >= 100
