"""`/whoami`: the caller, as the API knows it."""

from typing import Annotated

from fastapi import APIRouter, Query

from api.access import AnyCaller
from api.answers import JsonResponse
from api.caller_models import WhoAmI
from api.openapi import problems
from api.parameters import NoParameters
from domain.access import in_order

router = APIRouter(tags=["access"])


@router.get("/whoami", response_model=WhoAmI, responses=problems())
async def get_caller(caller: AnyCaller, _: Annotated[NoParameters, Query()]) -> JsonResponse:
    """Who calls, and what that is good for: what a key may do, or that none is wanted here."""
    answer = {
        "access": "open" if caller.key_id is None else "key",
        "key_id": caller.key_id,
        "name": caller.name,
        "tenant_id": caller.tenant_id,
        "scopes": in_order(caller.scopes),
    }
    return JsonResponse(answer)
