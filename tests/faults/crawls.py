"""Crawls one after the other while all sorts of things fail, and what must be true of them."""

import asyncio
from collections import Counter
from itertools import cycle
from typing import Any

from pymongo.errors import PyMongoError

from dev.helpdesk.server import HelpdeskServer
from domain.errors import TenantBusyError
from domain.runs import ENDED
from infra import collections
from infra.mongo import Mongo
from tests.faults.scenario import Scenario, runs_of

_TICK_SECONDS = 0.2
_ACCOUNTED = (
    "new_ingested", "updated", "restored", "unchanged", "stale", "rejected", "foreign",
    "duplicates",
)  # fmt: skip


class Crawls:
    """Runs of the tenants of one helpdesk, whose tickets never change, in turn."""

    def __init__(self, running: Scenario, helpdesk: HelpdeskServer) -> None:
        self._mongo = running.mongo
        self._runs = runs_of(running)
        self._live = {
            tenant: {str(ticket["id"]) for ticket in helpdesk.tickets(tenant)}
            for tenant in helpdesk.counts()
        }

    async def go_on_until(self, over: asyncio.Event) -> None:
        """Start run after run until `over` is set, and wait for the end of the last."""
        for tenant in cycle(self._live):
            await self._run(tenant)
            if over.is_set():
                return

    async def last_runs_wrong(self) -> list[str]:
        """Run each tenant once more: with nothing to disturb it, that must complete."""
        last = await asyncio.gather(*map(self._run, self._live))
        return [f"a last run: {job}" for job in last if job["phase"] != "completed"]

    async def wrong(self) -> list[str]:
        """What is wrong once all is still: audits that do not add up, tickets lost or doubled."""
        wrong = await _unfit_audits(self._mongo, self._live)
        for tenant, ids in self._live.items():
            first = {"tenant_id": tenant, "version": 1}
            found = await self._mongo[collections.TICKETS].distinct("external_id", first)
            if set(found) != ids:
                wrong.append(f"{tenant}: {sorted(set(found) ^ ids)[:10]} lost, changed or invented")
        return wrong

    async def outcomes(self) -> dict[str, int]:
        """How many runs ended in which way."""
        logs = self._mongo[collections.INGESTION_LOGS]
        return dict(Counter([audit["status"] async for audit in logs.find()]))

    async def _run(self, tenant: str) -> dict[str, Any]:
        """One more run of a tenant, or the one that is on; its job once it has ended."""
        while True:
            try:
                job = await self._runs.active(tenant) or await self._runs.request(tenant)
                while job["phase"] not in ENDED:
                    await asyncio.sleep(_TICK_SECONDS)
                    job = await self._runs.find(job["_id"])
            except (PyMongoError, TenantBusyError):
                await asyncio.sleep(_TICK_SECONDS)
            else:
                return job


async def _unfit_audits(mongo: Mongo, live: dict[str, set[str]]) -> list[str]:
    jobs = {job["_id"]: job async for job in mongo[collections.JOBS].find()}
    audits = {log["_id"]: log async for log in mongo[collections.INGESTION_LOGS].find()}
    wrong = [f"run {id_} has no audit" for id_ in jobs.keys() - audits.keys()]
    wrong += [f"audit of an unknown run {id_}" for id_ in audits.keys() - jobs.keys()]
    for audit in audits.values():
        counted = sum(audit[name] for name in _ACCOUNTED)
        if audit["status"] == "SUCCESS" and audit["fetched"] != counted:
            wrong.append(f"run {audit['_id']}: fetched {audit['fetched']}, of which {counted}")
    for tenant, ids in live.items():
        new = sum(a["new_ingested"] for a in audits.values() if a["tenant_id"] == tenant)
        if new != len(ids):
            wrong.append(f"{tenant}: {new} new of {len(ids)} over all runs")
    return wrong
