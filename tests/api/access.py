"""Every route of the OpenAPI document as a request, and two tenants to ask about."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI

from infra import collections
from infra.job_documents import new_job
from infra.mongo import Document, Mongo
from tests.api.documents import NOON, alert, change, run_audit, store, ticket

MINE = "acme"
THEIRS = "globex"  # as long as NOBODY
NOBODY = "nobody"
SECRET = "sesame"  # noqa: S105 (in everything that is theirs)
INVENTED = "sesamo"
OPEN = {"/health", "/livez", "/readyz"}


@dataclass(frozen=True)
class Route:
    """An operation, and how it is asked about a tenant and one of its things."""

    method: str
    path: str
    operation: dict[str, Any]

    @property
    def is_open(self) -> bool:
        return self.path in OPEN

    @property
    def takes_tenant(self) -> bool:
        return "tenant_id" in self._names

    @property
    def takes_all_tenants(self) -> bool:
        """True if it may be asked about `*`."""
        parameters = self.operation.get("parameters", ())
        patterns = (p["schema"].get("pattern", "") for p in parameters if p["name"] == "tenant_id")
        return any(re.search(pattern, "*") for pattern in patterns if pattern)

    @property
    def takes_thing(self) -> bool:
        return bool({"job_id", "ticket_id", "alert_id"} & self._names)

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def said(self) -> list[str]:
        """The scopes of which one is wanted, as the document says it."""
        [sentence] = re.findall(r"Wants (.*)\.$", self.operation["description"])
        return re.findall(r"`([a-z:]+)`", sentence)

    @property
    def _names(self) -> set[str]:
        return {parameter["name"] for parameter in self.operation.get("parameters", ())}

    def url(self, tenant_id: str | None, thing: str = "1") -> str:
        """Where it is asked about a thing of a tenant; without one, it is not named."""
        path = self.path.format(
            tenant_id=tenant_id, ticket_id=thing, job_id=thing, alert_id=thing, name="notify"
        )
        if "tenant_id" in self._names and "{tenant_id}" not in self.path and tenant_id:
            path += f"?tenant_id={tenant_id}"
        return path


def routes(app: FastAPI) -> Iterator[Route]:
    """Every operation there is."""
    for path, operations in app.openapi()["paths"].items():
        for method, operation in operations.items():
            yield Route(method.upper(), path, operation)


def job(job_id: str, tenant_id: str, **fields: Any) -> Document:
    """The document of a run."""
    made = new_job(tenant_id, None, {"confirm_deletions": False}, 4)
    return {**made, "_id": job_id, "crawl_id": job_id, "requested_at": NOON, **fields}


async def fill(mongo: Mongo) -> None:
    """They have everything, the secret in all of it; we have one of each."""
    theirs = {"subject": SECRET, "message": SECRET, "customer_id": SECRET, "status": SECRET}
    urgent = {"urgency": "high", "requires_action": True}
    await store(
        mongo,
        ticket("1", tenant_id=MINE, **urgent),
        ticket(SECRET, tenant_id=THEIRS, **urgent, **theirs),
    )
    for tenant_id, name in ((MINE, "1"), (THEIRS, SECRET)):
        await mongo[collections.ALERTS].insert_one(alert(name, tenant_id=tenant_id))
        await mongo[collections.TICKET_HISTORY].insert_one(change(name, 1, tenant_id=tenant_id))
        await mongo[collections.INGESTION_LOGS].insert_one(run_audit(name, tenant_id=tenant_id))
        await mongo[collections.JOBS].insert_one(job(name, tenant_id))


async def belongings(mongo: Mongo, tenant_id: str) -> dict[str, list[Document]]:
    """Everything of a tenant that a request could change."""
    changeable = (collections.ALERTS, collections.JOBS, collections.INGESTION_LOGS)
    of_tenant = {
        name: await mongo[name].find({"tenant_id": tenant_id}).to_list(None) for name in changeable
    }
    leases = await mongo[collections.LEASES].find({"_id": tenant_id}).to_list(None)
    return {**of_tenant, collections.LEASES: leases}
