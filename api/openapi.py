"""The OpenAPI document: problems on every route, and both places where the routes are served."""

from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api.access import describe_access
from api.conditional import describe_conditions
from api.document_examples import add_examples
from api.run_models import Problem

_REFERENCE: Final = "#/components/schemas/{model}"  # as pydantic fills it in
_ALWAYS: Final = (413, 414, 422, 431, 503)
_MEANINGS: Final = {
    401: "There is no key, or one that lets in nobody; `WWW-Authenticate` says which.",
    403: "The key has none of the scopes of which this wants one, or not for all tenants.",
    404: "There is no such thing, or not for this tenant, or no such tenant for this key.",
    409: "The state forbids it: a run of this tenant is on, or what was asked for has ended.",
    413: "The request has a body, and a large one.",
    414: "Path and query are too long.",
    422: "A parameter is missing, unknown or of no use; `errors` says which and why.",
    431: "The header is too large.",
    503: (
        "Something that is needed for the answer is down, and `Retry-After` says when to ask"
        " again; or there is too much to read for it, and `detail` says how to ask for less."
    ),
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that may answer these problems besides the usual ones."""
    return {status: _described(status) for status in sorted({*statuses, *_ALWAYS})}


def _described(status: int) -> dict[str, Any]:
    schema = {"$ref": _REFERENCE.format(model=Problem.__name__)}
    return {
        "description": _MEANINGS[status],
        "content": {"application/problem+json": {"schema": schema}},
    }


def document(app: FastAPI) -> dict[str, Any]:
    """The document of `app`, made once."""
    if app.openapi_schema is None:
        made = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            routes=app.routes,
            tags=app.openapi_tags,
            servers=[{"url": "/"}, {"url": "/v1"}],
        )
        describe_conditions(made["paths"])
        describe_access(app, made, {status: _described(status) for status in (401, 403, 404)})
        schema = Problem.model_json_schema(ref_template=_REFERENCE)
        components = made.setdefault("components", {}).setdefault("schemas", {})
        components.update(schema.pop("$defs", {}))
        components[Problem.__name__] = schema
        add_examples(made)
        app.openapi_schema = made
    return app.openapi_schema
