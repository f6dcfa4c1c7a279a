"""The application: its routes, bare and under `/v1`, and the life of its connections."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

from fastapi import FastAPI

from api.access import check_declarations
from api.conditional import ConditionalAnswers
from api.openapi import document
from api.page import page_routes
from api.problems import add_problem_handlers
from api.request_ids import RequestIds
from api.request_metrics import RequestMetrics
from api.routers import alerts, callers, circuits, health, ingest, status, tenants, tickets
from api.services import Services
from api.size_limits import SizeLimits
from domain.access import is_loopback
from infra.settings import Settings

_ROUTERS: Final = tuple(
    resource.router
    for resource in (ingest, tickets, tenants, alerts, circuits, callers, status, health)
)
_VERSION: Final = "1"
_DESCRIPTION: Final = (
    "Support tickets of many tenants: ingested, classified, and answered from read models.\n\n"
    "Every route is served bare and under `/v1`. Errors are RFC 9457 problems."
)


def create_app(settings: Settings, *, is_local: bool | None = None) -> FastAPI:
    """The API of one process; it connects when it starts and serves whatever is down.

    `is_local` says whether only this machine reaches it; where nobody knows better, the setting
    API_HOST tells.

    Raises:
        UndeclaredRouteError: a route does not say whom it lets in.
    """
    local = is_loopback(settings.api_host) if is_local is None else is_local

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.services = Services(settings, is_local=local)
        try:
            yield
        finally:
            await app.state.services.close()

    app = FastAPI(
        title="Deskstream",
        version=_VERSION,
        description=_DESCRIPTION,
        lifespan=lifespan,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.openapi = partial(document, app)  # type: ignore[method-assign]
    for router in _ROUTERS:
        app.include_router(router)
        app.include_router(router, prefix="/v1", include_in_schema=False)
    app.router.routes += page_routes()
    check_declarations(app)
    add_problem_handlers(app)
    app.add_middleware(ConditionalAnswers)
    app.add_middleware(SizeLimits)
    app.add_middleware(RequestIds)
    app.add_middleware(RequestMetrics)
    return app
