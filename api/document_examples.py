"""Examples in the OpenAPI document: every parameter, header and answer gets one."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias

from pydantic import BaseModel

from api.alert_models import AlertView
from api.answer_examples import ANSWERS, BODIES, PARTS
from api.circuit_models import CircuitView
from api.models import TicketView
from api.parameter_examples import HEADER_EXAMPLES, PARAMETER_EXAMPLES
from api.problem_examples import described_kinds, problem_examples
from api.run_models import RunAccepted
from api.status_models import DeploymentStatus

Part: TypeAlias = dict[str, Any]

_ERRORS: Final = 400
_WITH_EXAMPLES: Final = (TicketView, AlertView, CircuitView, DeploymentStatus, RunAccepted)
_REQUEST_ID: Final = "X-Request-ID"
_ASKED: Final[Part] = {
    "name": _REQUEST_ID,
    "in": "header",
    "required": False,
    "description": (
        "The caller's name for the request, in log lines and in the answer: 1 to 128 letters,"
        " digits and `._:-`. Without a decent one, the request gets a UUID."
    ),
    "schema": {"type": "string"},
}
_ANSWERED: Final[Part] = {
    "description": "The name of the request, the caller's or ours.",
    "schema": {"type": "string"},
}


def add_examples(document: Part) -> None:
    """Put examples into a document that has none, and say what every answer carries."""
    schemas = document["components"]["schemas"]
    for model in _WITH_EXAMPLES:
        # Made with the document, they lack whatever is null.
        schemas[model.__name__]["examples"] = _own_examples(model)
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            _describe(operation, f"{method.upper()} {path}", schemas)
    schemas["Problem"]["properties"]["type"]["description"] = described_kinds()


def _describe(operation: Part, name: str, schemas: Mapping[str, Part]) -> None:
    operation.setdefault("parameters", []).append(dict(_ASKED))
    for parameter in operation["parameters"]:
        if parameter["name"] in PARAMETER_EXAMPLES:
            parameter["example"] = PARAMETER_EXAMPLES[parameter["name"]]
    instance = name.partition(" ")[2]
    for parameter in operation["parameters"]:
        if parameter["in"] == "path":
            instance = instance.replace(f"{{{parameter['name']}}}", str(parameter["example"]))
    for status, answer in operation["responses"].items():
        answer["headers"] = {_REQUEST_ID: _ANSWERED, **answer.get("headers", {})}
        answer["headers"] = dict(_with_examples(answer["headers"]))
        if int(status) >= _ERRORS:
            examples = problem_examples(name, int(status), instance)
            for content in answer["content"].values():
                content["examples"] = examples
        else:
            for media_type, content in answer.get("content", {}).items():
                content["example"] = _example(media_type, content["schema"], schemas)


def _with_examples(headers: Mapping[str, Part]) -> Iterator[tuple[str, Part]]:
    for name, header in headers.items():
        example = HEADER_EXAMPLES.get(name)
        yield name, header if example is None else {**header, "example": example}


def _example(media_type: str, schema: Part, schemas: Mapping[str, Part]) -> Any:  # noqa: ANN401 (any JSON)
    if "$ref" not in schema:
        return BODIES[media_type.partition(";")[0]]
    name = schema["$ref"].rpartition("/")[2]
    if name not in ANSWERS:
        return schemas[name]["examples"][0]
    if name not in PARTS:
        return ANSWERS[name]
    member, part = PARTS[name]
    return {**ANSWERS[name], member: schemas[part]["examples"]}


def _own_examples(model: type[BaseModel]) -> list[Part]:
    own: Any = model.model_config["json_schema_extra"]
    examples: list[Part] = own["examples"]
    return examples
