"""`/circuit`: the circuit breakers of the services that are called."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query

from api.access import AnyCaller, Operator
from api.answers import JsonResponse
from api.circuit_models import CircuitView
from api.dependencies import Connections
from api.documents import shown_circuit
from api.openapi import problems
from api.parameters import NoParameters
from infra.circuits import Circuit

router = APIRouter(prefix="/circuit", tags=["circuits"])

CircuitName = Annotated[str, Path(description="`helpdesk` or `notify`.", examples=["helpdesk"])]
Nothing = Annotated[NoParameters, Query()]


@router.get("/{name}/status", response_model=CircuitView, responses=problems(404))
async def get_circuit_status(
    _caller: AnyCaller, name: CircuitName, services: Connections, _: Nothing
) -> JsonResponse:
    """Whether calls to the service go out, as every process sees it."""
    return JsonResponse(await _shown(services.circuit(name)))


@router.post("/{name}/reset", response_model=CircuitView, responses=problems(404))
async def reset_circuit(
    _caller: Operator, name: CircuitName, services: Connections, _: Nothing
) -> JsonResponse:
    """Close the circuit and forget its failures; the outcome of calls that are out is ignored."""
    circuit = services.circuit(name)
    await circuit.reset()
    return JsonResponse(await _shown(circuit))


async def _shown(circuit: Circuit) -> dict[str, Any]:
    return shown_circuit(circuit, await circuit.status())
