"""Errors to RFC 9457 problems, by a table; nothing that a caller sends ends in a 500."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final, NamedTuple, TypeAlias

import structlog
from aiokafka.errors import KafkaError
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pymongo.errors import PyMongoError
from starlette.exceptions import HTTPException
from starlette.requests import Request

from api.answers import ProblemResponse
from api.errors import (
    HaltedError,
    ParameterError,
    RollUpsMissingError,
    SlowListError,
    TooMuchToCountError,
    UnhealthyError,
)
from api.idempotency import KEY_HEADER
from api.request_ids import HEADER, request_id_of
from domain.alert_errors import AlertDeliveredError, AlertNotFoundError
from domain.errors import (
    CircuitNotFoundError,
    DependencyDownError,
    DeskstreamError,
    IdempotencyKeyReusedError,
    JobNotFoundError,
    PartOfRunError,
    RunEndedError,
    TenantBusyError,
    TenantNotFoundError,
    TicketNotFoundError,
)

log = structlog.get_logger()

Extensions: TypeAlias = Mapping[str, Any]
RETRY_SECONDS: Final = 2


class Kind(NamedTuple):
    """What a kind of error answers: its name in `type`, its status, and what it adds."""

    name: str
    status: HTTPStatus
    extensions: Callable[[Any], Extensions] = lambda _: {}


def _parameter(error: ParameterError) -> Extensions:
    return {"errors": [{"parameter": error.parameter, "reason": error.reason}]}


def _reused_key(error: IdempotencyKeyReusedError) -> Extensions:
    return _parameter(ParameterError(KEY_HEADER, str(error)))


def _ended(error: RunEndedError) -> Extensions:
    return {"job_id": error.job_id, "phase": error.phase}


def _part(error: PartOfRunError) -> Extensions:
    return {"job_id": error.job_id, "parent_id": error.parent_id}


_KINDS: Final[dict[type[DeskstreamError], Kind]] = {
    JobNotFoundError: Kind("job-not-found", HTTPStatus.NOT_FOUND),
    TicketNotFoundError: Kind("ticket-not-found", HTTPStatus.NOT_FOUND),
    TenantNotFoundError: Kind("tenant-not-found", HTTPStatus.NOT_FOUND),
    AlertNotFoundError: Kind("alert-not-found", HTTPStatus.NOT_FOUND),
    AlertDeliveredError: Kind(
        "alert-delivered", HTTPStatus.CONFLICT, lambda e: {"alert_id": e.alert_id}
    ),
    CircuitNotFoundError: Kind("circuit-not-found", HTTPStatus.NOT_FOUND),
    TenantBusyError: Kind("tenant-busy", HTTPStatus.CONFLICT, lambda e: {"job_id": e.job_id}),
    RunEndedError: Kind("run-ended", HTTPStatus.CONFLICT, _ended),
    PartOfRunError: Kind("part-of-run", HTTPStatus.CONFLICT, _part),
    IdempotencyKeyReusedError: Kind(
        "idempotency-key-reused", HTTPStatus.UNPROCESSABLE_ENTITY, _reused_key
    ),
    ParameterError: Kind("invalid-parameter", HTTPStatus.UNPROCESSABLE_ENTITY, _parameter),
    DependencyDownError: Kind("dependency-down", HTTPStatus.SERVICE_UNAVAILABLE),
    RollUpsMissingError: Kind("roll-ups-missing", HTTPStatus.SERVICE_UNAVAILABLE),
    TooMuchToCountError: Kind("too-much-to-count", HTTPStatus.SERVICE_UNAVAILABLE),
    SlowListError: Kind("too-much-to-read", HTTPStatus.SERVICE_UNAVAILABLE),
    HaltedError: Kind("halted", HTTPStatus.SERVICE_UNAVAILABLE, lambda e: {"halted": e.halted}),
    UnhealthyError: Kind(
        "unhealthy", HTTPStatus.SERVICE_UNAVAILABLE, lambda e: {"dependencies": e.dependencies}
    ),
}
_UNEXPECTED: Final = Kind("internal", HTTPStatus.INTERNAL_SERVER_ERROR)


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
    content = {
        "type": f"urn:deskstream:problem:{kind.name}",
        "title": kind.status.phrase,
        "status": kind.status.value,
        "detail": detail,
        "instance": request.url.path,
        "request_id": request_id,
        **(extensions or {}),
    }
    sent = {HEADER: request_id, **(headers or {})}
    if kind.status == HTTPStatus.SERVICE_UNAVAILABLE:
        sent["Retry-After"] = str(RETRY_SECONDS)
    return ProblemResponse(content, status_code=kind.status.value, headers=sent)


def _own(request: Request, error: Exception) -> ProblemResponse:
    kind = _KINDS.get(type(error), _UNEXPECTED)  # type: ignore[arg-type]
    if kind is _UNEXPECTED:
        return _unexpected(request, error)
    return problem(request, kind, str(error), extensions=kind.extensions(error))


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
    kind = _KINDS[ParameterError]
    return problem(request, kind, detail, extensions={"errors": errors})


def _down(dependency: str) -> Callable[[Request, Exception], ProblemResponse]:
    def answer(request: Request, error: Exception) -> ProblemResponse:
        # Not its text: a server that refuses a query repeats the query, values and all.
        code = getattr(error, "code", None)
        log.warning(
            "dependency_failed", dependency=dependency, kind=type(error).__name__, code=code
        )
        return _own(request, DependencyDownError(dependency))

    return answer


def _unexpected(request: Request, error: Exception) -> ProblemResponse:
    log.error("request_failed", request_id=request_id_of(request), exc_info=error)
    return problem(request, _UNEXPECTED, "an error that nobody expected; it was logged")


def add_problem_handlers(app: FastAPI) -> None:
    """Turn every error of `app` into a problem."""
    app.add_exception_handler(DeskstreamError, _own)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(PyMongoError, _down("MongoDB"))
    app.add_exception_handler(KafkaError, _down("Kafka"))
    app.add_exception_handler(Exception, _unexpected)
