"""Kinds of problems: for each error its name, its status, and what its answer says besides."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final, NamedTuple, TypeAlias

from api.errors import (
    BodyTooLargeError,
    ForeignPageError,
    HaltedError,
    HeaderTooLargeError,
    KeyRefusedError,
    KeyRequiredError,
    ParameterError,
    RollUpsMissingError,
    SlowListError,
    TargetTooLongError,
    TooMuchToCountError,
    UnhealthyError,
)
from api.idempotency import KEY_HEADER
from domain.access_errors import BoundKeyError, MissingScopeError, TenantHiddenError
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

Extensions: TypeAlias = Mapping[str, Any]
_REALM: Final = 'Bearer realm="deskstream"'


class Kind(NamedTuple):
    """What a kind of error answers: its name in `type`, its status, and what it adds."""

    name: str
    status: HTTPStatus
    extensions: Callable[[Any], Extensions] = lambda _: {}
    headers: Callable[[Any], Mapping[str, str]] = lambda _: {}


def _parameter(error: ParameterError) -> Extensions:
    return {"errors": [{"parameter": error.parameter, "reason": error.reason}]}


def _reused_key(error: IdempotencyKeyReusedError) -> Extensions:
    return _parameter(ParameterError(KEY_HEADER, str(error)))


def _ended(error: RunEndedError) -> Extensions:
    return {"job_id": error.job_id, "phase": error.phase}


def _part(error: PartOfRunError) -> Extensions:
    return {"job_id": error.job_id, "parent_id": error.parent_id}


def _challenge(code: str = "", scope: str = "") -> Mapping[str, str]:
    """What a client is told of the key that it sent, or has to send (RFC 6750, section 3)."""
    parts = [_REALM]
    if code:
        parts.append(f'error="{code}"')
    if scope:
        parts.append(f'scope="{scope}"')
    return {"WWW-Authenticate": ", ".join(parts)}


def _missing_scope(error: MissingScopeError) -> Mapping[str, str]:
    return _challenge("insufficient_scope", error.scopes[0])


KINDS: Final[dict[type[DeskstreamError], Kind]] = {
    JobNotFoundError: Kind("job-not-found", HTTPStatus.NOT_FOUND),
    TicketNotFoundError: Kind("ticket-not-found", HTTPStatus.NOT_FOUND),
    TenantNotFoundError: Kind("tenant-not-found", HTTPStatus.NOT_FOUND),
    TenantHiddenError: Kind("tenant-not-found", HTTPStatus.NOT_FOUND),
    KeyRequiredError: Kind("key-required", HTTPStatus.UNAUTHORIZED, headers=lambda _: _challenge()),
    KeyRefusedError: Kind(
        "key-refused", HTTPStatus.UNAUTHORIZED, headers=lambda _: _challenge("invalid_token")
    ),
    MissingScopeError: Kind(
        "insufficient-scope",
        HTTPStatus.FORBIDDEN,
        lambda e: {"scopes": e.scopes},
        _missing_scope,
    ),
    BoundKeyError: Kind(
        "key-of-one-tenant",
        HTTPStatus.FORBIDDEN,
        headers=lambda _: _challenge("insufficient_scope", "admin"),
    ),
    ForeignPageError: Kind("foreign-page", HTTPStatus.FORBIDDEN),
    BodyTooLargeError: Kind("body-too-large", HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    TargetTooLongError: Kind("target-too-long", HTTPStatus.REQUEST_URI_TOO_LONG),
    HeaderTooLargeError: Kind("header-too-large", HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE),
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
UNEXPECTED: Final = Kind("internal", HTTPStatus.INTERNAL_SERVER_ERROR)


def content(
    kind: Kind, detail: str, instance: str, request_id: str, extensions: Extensions
) -> dict[str, Any]:
    """What a problem of this kind says."""
    return {
        "type": f"urn:deskstream:problem:{kind.name}",
        "title": kind.status.phrase,
        "status": kind.status.value,
        "detail": detail,
        "instance": instance,
        "request_id": request_id,
        **extensions,
    }
