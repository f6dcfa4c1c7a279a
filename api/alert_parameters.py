"""Query parameters of the routes about alerts."""

from typing import Annotated

from pydantic import Field

from api.parameters import ONE_OF, CommaList, ListQuery, NoParameters, TenantId
from domain.alerts import ALERT_STATES


class AlertsQuery(ListQuery):
    """The alerts of a tenant."""

    state: Annotated[CommaList, Field(pattern=ONE_OF.format("|".join(ALERT_STATES)))] | None = None


class OneAlertQuery(NoParameters):
    """One alert, whose id says which."""

    tenant_id: Annotated[
        TenantId | None, Field(description="If given, the alert must be this tenant's.")
    ] = None
