"""`/alerts`: what somebody is told of, what waits, and what nobody took."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request

from api.access import AlertWriter, TicketReader
from api.alert_models import AlertPage, AlertView
from api.alert_parameters import AlertsQuery, OneAlertQuery
from api.alert_queries import find_alert, newest_alerts
from api.answers import JsonResponse
from api.dependencies import Connections
from api.documents import shown_alert
from api.links import next_link
from api.openapi import problems
from api.parameters import TenantQuery

router = APIRouter(prefix="/alerts", tags=["alerts"])

AlertPath = Annotated[str, Path(max_length=64, examples=["3f0e5a0c-6c2b-5f7e-9d0f-8a2b7c1d4e5f"])]


@router.get("", response_model=AlertPage, responses=problems())
async def list_alerts(
    request: Request,
    caller: TicketReader,
    services: Connections,
    query: Annotated[AlertsQuery, Query()],
) -> JsonResponse:
    """The alerts of a tenant, newest first."""
    rows = await newest_alerts(services.scope(caller.grant(query.tenant_id)), query)
    answer = {
        "alerts": [shown_alert(document) for document in rows.documents],
        "limit": rows.limit,
        "next_cursor": rows.next_cursor,
    }
    headers = next_link(request, cursor=rows.next_cursor) if rows.next_cursor else {}
    return JsonResponse(answer, headers=headers)


@router.get("/{alert_id}", response_model=AlertView, responses=problems(404))
async def get_alert(
    caller: TicketReader,
    alert_id: AlertPath,
    services: Connections,
    query: Annotated[TenantQuery, Query()],
) -> JsonResponse:
    """One alert."""
    scope = services.scope(caller.grant(query.tenant_id))
    return JsonResponse(shown_alert(await find_alert(scope, alert_id)))


@router.post("/{alert_id}/retry", response_model=AlertView, responses=problems(404, 409))
async def retry_one_alert(
    caller: AlertWriter,
    alert_id: AlertPath,
    services: Connections,
    query: Annotated[OneAlertQuery, Query()],
) -> JsonResponse:
    """Have an alert sent as soon as the circuit lets it: also one that nobody took.

    The receiver gets the key that it always had, and can tell what it knows already.
    """
    alert = await services.retry_alert(caller, alert_id, query.tenant_id)
    return JsonResponse(shown_alert(alert))
