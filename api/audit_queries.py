"""Questions about the audits of a tenant's runs."""

from api.cursors import listing
from api.newest import Newest
from api.scope import TenantScope
from api.ticket_queries import Rows


async def newest_audits(scope: TenantScope, limit: int | None, cursor: str | None) -> Rows:
    """The audits of a tenant, newest first, from the cursor on."""
    name = listing("audits", tenant_id=scope.tenant_id)
    audits = Newest(await scope.ingestion_logs(), "started_at", name)
    return await audits.rows({}, limit, cursor)
