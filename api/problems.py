"""Errors to RFC 9457 problems, by a table; nothing that a caller sends ends in a 500."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Final

import structlog
from aiokafka.errors import KafkaError
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pymongo.errors import PyMongoError
from starlette.exceptions import HTTPException
from starlette.requests import Request

from api.answers import ProblemResponse
from api.errors import ParameterError
from api.problem_kinds import KINDS, UNEXPECTED, Extensions, Kind, content
from api.request_ids import HEADER, request_id_of
from domain.errors import DependencyDownError, DeskstreamError

log = structlog.get_logger()

RETRY_SECONDS: Final = 2


def problem(
    request: Request,
    kind: Kind,
    detail: str,
    *,
    extensions: Extensions | None = None,
    headers: Mapping[str, str] | None = None,
) -> ProblemResponse:
    """The answer that says what went wrong with `request`."""
    request_id = request_id_of(request)
    said = content(kind, detail, request.url.path, request_id, extensions or {})
    sent = {HEADER: request_id, **(headers or {})}
    if kind.status == HTTPStatus.SERVICE_UNAVAILABLE:
        sent["Retry-After"] = str(RETRY_SECONDS)
    return ProblemResponse(said, status_code=kind.status.value, headers=sent)


def refusal(request: Request, error: Exception) -> ProblemResponse:
    """The answer to a request that ended in an error raised on purpose."""
    kind = KINDS.get(type(error), UNEXPECTED)  # type: ignore[arg-type]
    if kind is UNEXPECTED:
        return _unexpected(request, error)
    extensions, headers = kind.extensions(error), kind.headers(error)
    return problem(request, kind, str(error), extensions=extensions, headers=headers)


def _http(request: Request, error: Exception) -> ProblemResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 (Starlette's handlers take any exception)
    status = HTTPStatus(error.status_code)
    detail = str(error.detail)
    if status == HTTPStatus.NOT_FOUND:
        detail = "nothing is served at this path"
    elif status == HTTPStatus.METHOD_NOT_ALLOWED:
        detail = f"{request.method} is not served at this path"
    kind = Kind(status.phrase.lower().replace(" ", "-"), status)
    return problem(request, kind, detail, headers=error.headers)


def _invalid(request: Request, error: Exception) -> ProblemResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 (as above)
    errors = [
        {
            "parameter": ".".join(str(part) for part in e["loc"][1:]) or "query",
            "reason": e["msg"].removeprefix("Value error, "),
        }
        for e in error.errors()
    ]
    detail = "; ".join(f"{e['parameter']}: {e['reason']}" for e in errors)
    kind = KINDS[ParameterError]
    return problem(request, kind, detail, extensions={"errors": errors})


def _down(dependency: str) -> Callable[[Request, Exception], ProblemResponse]:
    def answer(request: Request, error: Exception) -> ProblemResponse:
        # Not its text: a server that refuses a query repeats the query, values and all.
        code = getattr(error, "code", None)
        log.warning(
            "dependency_failed", dependency=dependency, kind=type(error).__name__, code=code
        )
        return refusal(request, DependencyDownError(dependency))

    return answer


def _unexpected(request: Request, error: Exception) -> ProblemResponse:
    log.error("request_failed", request_id=request_id_of(request), exc_info=error)
    return problem(request, UNEXPECTED, "an error that nobody expected; it was logged")


def add_problem_handlers(app: FastAPI) -> None:
    """Turn every error of `app` into a problem."""
    app.add_exception_handler(DeskstreamError, refusal)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(PyMongoError, _down("MongoDB"))
    app.add_exception_handler(KafkaError, _down("Kafka"))
    app.add_exception_handler(Exception, _unexpected)
