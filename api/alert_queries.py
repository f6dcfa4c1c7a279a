"""Questions about the alerts of one tenant."""

from typing import Final

from pymongo import DESCENDING

from api.alert_parameters import AlertsQuery
from api.cursors import Cursor, decode_cursor, encode_cursor, listing
from api.scope import TenantScope
from api.ticket_queries import DEFAULT_ROWS, Rows
from domain.alert_errors import AlertNotFoundError
from domain.instants import to_milliseconds
from infra.mongo import Document

_NEWEST_FIRST: Final = [("due_at", DESCENDING), ("_id", DESCENDING)]


async def newest_alerts(scope: TenantScope, query: AlertsQuery) -> Rows:
    """The alerts of a tenant in the states asked for, newest first, from the cursor on."""
    name = listing("alerts", tenant_id=scope.tenant_id, state=query.state)
    wanted: Document = {"state": {"$in": query.state.split(",")}} if query.state else {}
    if query.cursor:
        last = decode_cursor(query.cursor, name)
        earlier = [{"due_at": {"$lt": last.instant}}, {"_id": {"$lt": last.text}}]
        wanted["$and"] = [{"due_at": {"$lte": last.instant}}, {"$or": earlier}]
    size = query.limit or DEFAULT_ROWS
    found = await scope.alerts().find(wanted, _NEWEST_FIRST, limit=size + 1)
    if len(found) <= size:
        return Rows(found, size, None)
    shown = found[:size]
    following = Cursor(name, to_milliseconds(shown[-1]["due_at"]), shown[-1]["_id"])
    return Rows(shown, size, encode_cursor(following))


async def find_alert(scope: TenantScope, alert_id: str) -> Document:
    """One alert.

    Raises:
        AlertNotFoundError: the tenant has none with this id.
    """
    alert = await scope.alerts().find_one({"_id": alert_id})
    if alert is None:
        raise AlertNotFoundError(alert_id)
    return alert
