"""What endpoints ask for by type, and what every request must satisfy."""

from collections import Counter
from typing import Annotated

from fastapi import Depends, Path, Request

from api.errors import ParameterError
from api.parameters import RunTarget, TenantId, TicketId
from api.services import Services


async def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


def refuse_repeated_parameters(request: Request) -> None:
    """Two values for one parameter leave open which was meant.

    Raises:
        ParameterError: one was given twice.
    """
    for name, times in Counter(name for name, _ in request.query_params.multi_items()).items():
        if times > 1:
            raise ParameterError(name, "is given more than once")


Connections = Annotated[Services, Depends(_services)]
TenantPath = Annotated[TenantId, Path()]
TargetPath = Annotated[RunTarget, Path()]
JobPath = Annotated[str, Path(max_length=64, examples=["3f0e5a0c-6c2b-4f7e-9d0f-8a2b7c1d4e5f"])]
TicketPath = Annotated[TicketId, Path(description="The ticket's external id.")]
