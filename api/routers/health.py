"""`/health`, `/livez`, `/readyz`, `/metrics`: what operators and orchestrators ask."""

from typing import Annotated

from fastapi import APIRouter, Query

from api.access import OPEN, Scraper
from api.answers import JsonResponse, Metrics
from api.dependencies import Connections
from api.errors import HaltedError, UnhealthyError
from api.metrics import rendered
from api.openapi import problems
from api.parameters import NoParameters
from api.run_models import Health, Liveness, Readiness
from infra.probes import HaltedPartition

router = APIRouter(tags=["health"])

Nothing = Annotated[NoParameters, Query()]


@router.get("/health", dependencies=[OPEN], response_model=Health, responses=problems(503))
async def get_health(services: Connections, _: Nothing) -> JsonResponse:
    """Ask MongoDB, Kafka and the helpdesk, all at once, for at most two seconds."""
    results = await services.health.ask()
    states: dict[str, dict[str, str | float]] = {
        name: {"state": "up" if result.up else "down", "latency_ms": result.latency_ms}
        for name, result in results.items()
    }
    if not all(result.up for result in results.values()):
        raise UnhealthyError(states)
    return JsonResponse({"status": "up", "dependencies": states})


@router.get("/livez", dependencies=[OPEN], response_model=Liveness, responses=problems())
async def get_liveness(_: Nothing) -> JsonResponse:
    """The process serves; this depends on nothing else."""
    return JsonResponse({"status": "alive"})


@router.get("/readyz", dependencies=[OPEN], response_model=Readiness, responses=problems(503))
async def get_readiness(services: Connections, _: Nothing) -> JsonResponse:
    """MongoDB answers, and no consumer stands still before records that are missing."""
    halted = await services.halted()
    if halted:
        raise HaltedError([_named(partition) for partition in halted])
    return JsonResponse({"status": "ready"})


@router.get("/metrics", response_class=Metrics, responses=problems(503))
async def get_metrics(_caller: Scraper, services: Connections, _: Nothing) -> Metrics:
    """What Prometheus reads: lag, alerts, circuits and the limiter of all, and this process.

    Answered within four seconds, whatever hangs: what could not be asked is left out.
    """
    return Metrics(rendered(await services.vital_signs.read()))


def _named(partition: HaltedPartition) -> dict[str, str | int]:
    return {
        "consumer": partition.consumer,
        "topic": partition.topic,
        "partition": partition.partition,
    }
