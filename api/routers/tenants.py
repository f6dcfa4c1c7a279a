"""`/tenants`: which there are, and what the tickets of one come to."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query

from api.access import AnyCaller, StatisticsReader
from api.answers import JsonResponse, tagged_without
from api.caller_models import Tenants
from api.cover import Span
from api.dependencies import Connections, TenantPath
from api.intervals import range_of
from api.openapi import problems
from api.parameters import NoParameters, StatisticsQuery, TrendQuery
from api.statistics import TicketRange, count_tickets
from api.statistics_models import Statistics, Trend
from api.trend import trend_of
from api.zones import zone_of

router = APIRouter(prefix="/tenants", tags=["tenants"])

Nothing = Annotated[NoParameters, Query()]


@router.get("", response_model=Tenants, responses=problems())
async def list_tenants(caller: AnyCaller, services: Connections, _: Nothing) -> JsonResponse:
    """The tenants that the caller may see: its own, or every one that a ticket was seen of."""
    return JsonResponse({"tenants": await services.tenants(caller)})


@router.get("/{tenant_id}/stats", response_model=Statistics, responses=problems(404))
async def get_statistics(
    caller: StatisticsReader,
    tenant_id: TenantPath,
    services: Connections,
    query: Annotated[StatisticsQuery, Query()],
) -> JsonResponse:
    """The live tickets of a tenant in figures: one snapshot, so that all sums agree.

    The range is half-open over `created_at` and bounds every figure, the trend as well.
    """
    chosen = TicketRange(query.from_date, query.to_date, query.tz, zone_of(query.tz))
    answer = await count_tickets(services.scope(caller.grant(tenant_id)), chosen, datetime.now(UTC))
    return JsonResponse(answer, headers=tagged_without(answer, "generated_at"))


@router.get("/{tenant_id}/stats/trend", response_model=Trend, responses=problems(404))
async def get_trend(
    caller: StatisticsReader,
    tenant_id: TenantPath,
    services: Connections,
    query: Annotated[TrendQuery, Query()],
) -> JsonResponse:
    """The live tickets of a tenant by hour, day or week, beside the time before.

    The range is half-open over `created_at`; an interval that it cuts counts what is inside.
    """
    now, zone, interval = datetime.now(UTC), zone_of(query.tz), query.interval
    begin, end = range_of(interval, Span(query.from_date, query.to_date), now, zone)
    chosen = TicketRange(begin, end, query.tz, zone)
    answer = await trend_of(services.scope(caller.grant(tenant_id)), chosen, interval, now)
    return JsonResponse(answer, headers=tagged_without(answer, "generated_at"))
