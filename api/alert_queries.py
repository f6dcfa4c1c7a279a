"""Questions about the alerts of one tenant."""

from api.alert_parameters import AlertsQuery
from api.cursors import listing
from api.newest import Newest
from api.scope import TenantScope
from api.ticket_queries import Rows
from domain.alert_errors import AlertNotFoundError
from infra.mongo import Document


async def newest_alerts(scope: TenantScope, query: AlertsQuery) -> Rows:
    """The alerts of a tenant in the states asked for, newest first, from the cursor on."""
    name = listing("alerts", tenant_id=scope.tenant_id, state=query.state)
    wanted: Document = {"state": {"$in": query.state.split(",")}} if query.state else {}
    return await Newest(scope.alerts(), "due_at", name).rows(wanted, query.limit, query.cursor)


async def find_alert(scope: TenantScope, alert_id: str) -> Document:
    """One alert.

    Raises:
        AlertNotFoundError: the tenant has none with this id.
    """
    alert = await scope.alerts().find_one({"_id": alert_id})
    if alert is None:
        raise AlertNotFoundError(alert_id)
    return alert
