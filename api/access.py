"""Access: what each route wants of its caller, declared on the route, or it does not start."""

from collections.abc import Iterator
from typing import Annotated, Any, Final

from fastapi import Depends, FastAPI, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts

from api.dependencies import refuse_repeated_parameters
from api.errors import ForeignPageError, KeyRefusedError, UndeclaredRouteError
from api.key_ring import TRUSTED_SECONDS
from api.services import Services
from domain.access import Caller, KeyScope

# Served by the framework, or as files: they hold nothing of anybody's.
_OPEN_PATHS: Final = frozenset({"/", "/openapi.json", "/docs", "/docs/oauth2-redirect"})
_OPEN_FILES: Final = "/assets"
_SCHEME: Final = "bearer"
_SCRAPED_SECONDS: Final = 3600.0


class Wants:
    """A dependency that lets in callers with one of these scopes; with none named, any key."""

    def __init__(
        self, *any_of: KeyScope, of_deployment: bool = False, trusted: float = TRUSTED_SECONDS
    ) -> None:
        self.any_of = any_of
        self.of_deployment = of_deployment
        self._trusted = trusted

    async def __call__(self, request: Request) -> Caller:
        """Who calls.

        Raises:
            KeyRequiredError, KeyRefusedError: nobody whom we know.
            ForeignPageError: a page of another site, where everybody is let in.
            MissingScopeError, BoundKeyError: somebody who may not do this.
            DependencyDownError: nobody can tell who it is.
            ParameterError: a parameter was given twice.
        """
        services: Services = request.app.state.services
        caller = await services.key_ring.caller(_token(request), self._trusted)
        if caller.key_id is None:
            _refuse_other_sites(request)
        if self.of_deployment:
            caller.check_deployment()
        else:
            caller.check(self.any_of)
        refuse_repeated_parameters(request)
        return caller


class Open:
    """A dependency that lets in everybody."""

    async def __call__(self, request: Request) -> None:
        """Nothing is asked but what every request must satisfy.

        Raises:
            ParameterError: a parameter was given twice.
        """
        refuse_repeated_parameters(request)


OPEN: Final = Depends(Open())
AnyCaller = Annotated[Caller, Depends(Wants())]
TicketReader = Annotated[Caller, Depends(Wants(KeyScope.TICKETS_READ))]
StatisticsReader = Annotated[Caller, Depends(Wants(KeyScope.STATS_READ))]
RunReader = Annotated[Caller, Depends(Wants(KeyScope.TICKETS_READ, KeyScope.INGEST_WRITE))]
RunWriter = Annotated[Caller, Depends(Wants(KeyScope.INGEST_WRITE))]
AlertWriter = Annotated[Caller, Depends(Wants(KeyScope.ALERTS_WRITE))]
Operator = Annotated[Caller, Depends(Wants(KeyScope.ADMIN, of_deployment=True))]
# It is read most of all while MongoDB is away, which then knows of nobody who was revoked.
Scraper = Annotated[
    Caller, Depends(Wants(KeyScope.ADMIN, of_deployment=True, trusted=_SCRAPED_SECONDS))
]


def check_declarations(app: FastAPI) -> None:
    """Refuse an application with a route that does not say whom it lets in.

    Raises:
        UndeclaredRouteError: there is one.
    """
    for route in iter_route_contexts(app.routes):
        path = route.path or ""
        if path in _OPEN_PATHS or path == _OPEN_FILES or path.startswith(f"{_OPEN_FILES}/"):
            continue
        if len(list(_declarations(getattr(route, "dependant", None)))) != 1:
            raise UndeclaredRouteError(path)


def describe_access(app: FastAPI, made: dict[str, Any], refusal: dict[int, Any]) -> None:
    """Add to an OpenAPI document what guarded routes ask for, and how they refuse."""
    made.setdefault("components", {})["securitySchemes"] = {
        _SCHEME: {
            "type": "http",
            "scheme": "bearer",
            "description": "A key made by `deskstream keys create`; not needed where none exists"
            " and the API listens on a loopback address.",
        }
    }
    for route in iter_route_contexts(app.routes):
        operations = made["paths"].get(route.path, {})
        for wanted in _declarations(getattr(route, "dependant", None)):
            if isinstance(wanted, Wants):
                for method in route.methods or ():
                    if method.lower() in operations:
                        _describe(operations[method.lower()], wanted, refusal)


def _describe(operation: dict[str, Any], wanted: Wants, refusal: dict[int, Any]) -> None:
    operation["security"] = [{_SCHEME: []}]
    scopes = " or ".join(f"`{scope}`" for scope in wanted.any_of)
    suffix = " and a key of all tenants" if wanted.of_deployment else ""
    operation["description"] += f"\n\nWants {scopes or 'any key'}{suffix}."
    takes = {parameter["name"] for parameter in operation.get("parameters", ())}
    refused = {401: True, 403: bool(scopes), 404: "tenant_id" in takes}
    for status in (status for status, is_answered in refused.items() if is_answered):
        operation["responses"].setdefault(str(status), refusal[status])


def _declarations(dependant: Dependant | None) -> Iterator[Wants | Open]:
    """The declarations of a route, each once, in whatever depth."""
    if dependant is not None:
        for each in dependant.dependencies:
            if isinstance(each.call, Wants | Open):
                yield each.call
            yield from _declarations(each)


def _refuse_other_sites(request: Request) -> None:
    """Browsers send any page's POST to this machine, and say whose it is (RFC 6454, section 7)."""
    origin = request.headers.get("origin")
    if origin is not None and origin.partition("://")[2] != request.headers.get("host"):
        raise ForeignPageError(origin)


def _token(request: Request) -> str | None:
    """The bearer token of the request, or None if it has none (RFC 6750, section 2.1).

    Raises:
        KeyRefusedError: it has several, or one in a form that no key has.
    """
    sent = [value for name, value in request.scope["headers"] if name == b"authorization"]
    if not sent:
        return None
    scheme, _, token = sent[0].strip().partition(b" ")
    if len(sent) == 1 and scheme.lower() != b"bearer":
        return None
    if len(sent) > 1 or not token:
        raise KeyRefusedError
    return bytes(token).strip().decode("latin-1")
