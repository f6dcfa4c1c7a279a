"""`/status`: the deployment as a whole, for dashboards and operators."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query

from api.access import AnyCaller
from api.answers import JsonResponse
from api.dependencies import Connections
from api.documents import shown_circuit, shown_instant
from api.openapi import problems
from api.parameters import NoParameters
from api.services import Services
from api.status_models import DeploymentStatus
from domain.errors import DependencyDownError
from infra.lag import PartitionLag

router = APIRouter(prefix="/status", tags=["status"])


@router.get("", response_model=DeploymentStatus, responses=problems())
async def get_status(
    caller: AnyCaller, services: Connections, _: Annotated[NoParameters, Query()]
) -> JsonResponse:
    """Lag of every consumer, alerts that wait, circuits, runs that are on, and parked tickets.

    However many ask, the engines are asked once a second, for a bounded time.
    """
    shown = await _shown(services)
    # What is counted over all tenants tells the key of one about the others.
    return JsonResponse(shown if caller.is_of_all else shown | _UNTOLD)


_UNTOLD: Final = {"alerts": None, "runs": None, "parked": None}


async def _shown(services: Services) -> dict[str, Any]:
    vitals = await services.vital_signs.read()
    if vitals.stored is None:
        raise DependencyDownError("MongoDB")
    if vitals.lag is None:
        raise DependencyDownError("Kafka")
    ages = [lag.seconds for lag in vitals.lag if lag.seconds is not None]
    circuits = vitals.stored.circuits
    return {
        "lag": [_lag(lag) for lag in vitals.lag],
        "lag_events": sum(lag.events for lag in vitals.lag),
        "lag_seconds": max(ages, default=None),
        "alerts": vitals.stored.alerts._asdict(),
        "circuits": {
            name: shown_circuit(services.circuit(name), status) for name, status in circuits.items()
        },
        "runs": dict(vitals.stored.runs),
        "parked": vitals.stored.parked,
        "as_of": shown_instant(vitals.as_of),
    }


def _lag(lag: PartitionLag) -> dict[str, Any]:
    return {
        "consumer": lag.consumer,
        "topic": lag.topic,
        "partition": lag.partition,
        "events": lag.events,
        "seconds": lag.seconds,
        "halted": lag.halted,
    }
