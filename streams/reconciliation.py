"""The end of a complete crawl: what it did not show is deleted, where evidence says so."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, Protocol

import structlog

from domain.deletions import Evidence, Known, deletions, doubtful, is_credible, suspects
from domain.envelopes import Deletion, deleted
from domain.identity import partition_of, ticket_key
from domain.runs import ALL_TENANTS
from domain.sightings import Sightings
from infra import collections, crash_points
from infra.absences import Absences
from infra.conclusions import Conclusions
from infra.job_documents import with_defaults
from infra.mongo import Document, Mongo
from infra.retrying import in_transaction
from infra.run_outbox import RawRow, RunOutbox, page

log = structlog.get_logger()

_BATCH: Final = 1000
_SHOWN_IDS: Final = 10


class Witness(Protocol):
    """The helpdesk, asked about tickets that its pages did not show."""

    async def deleted_ids(self) -> frozenset[str] | None:
        """The ids of deleted tickets, None where the helpdesk has no such list."""

    async def ticket(self, external_id: str) -> Mapping[str, Any] | None:
        """The ticket, or None if there is none of this id."""


class Reconciliation:
    """Compares the tickets that are known with those that one complete crawl was shown."""

    def __init__(
        self,
        mongo: Mongo,
        conclusions: Conclusions,
        outbox: RunOutbox,
        *,
        source: str,
        most_percent: float,
    ) -> None:
        self._mongo = mongo
        self._jobs = mongo[collections.JOBS]
        self._absences = Absences(mongo)
        self._conclusions = conclusions
        self._outbox = outbox
        self._source = source
        self._most_percent = most_percent

    async def run(self, job: Document, seen: Sightings, witness: Witness) -> None:
        """Publish the deletions of a complete crawl, once; a run that did so before is left alone.

        Raises:
            HelpdeskError: a question was not answered.
            LeaseLostError: the run is no longer ours.
        """
        if job["reconciled"]:
            return
        witness = _AskedOnce(witness)
        fence = partial(self._conclusions.fence, job)
        warnings: dict[str, str | None] = {}
        parts = await self._parts(job)
        for part in parts:
            warnings[part["_id"]] = await self._reconcile(job, part, seen, witness)
        conclude = partial(self._conclusions.conclude, job, warnings)
        await in_transaction(self._mongo, conclude)
        crash_points.reached("crawl_concluded")
        for part in parts:
            await self._absences.forget_others(part["tenant_id"], part["_id"], fence)

    async def _parts(self, job: Document) -> list[Document]:
        """The jobs that held their tenant since the first page."""
        if job["tenant_id"] != ALL_TENANTS:
            return [job]
        found = await self._jobs.find({"parent_id": job["_id"]}).sort("tenant_id").to_list(None)
        return [with_defaults(part) for part in found if part.get("since_start", True)]

    async def _reconcile(
        self, job: Document, part: Document, seen: Sightings, witness: Witness
    ) -> str | None:
        """Publish one tenant's deletions; return why they are not believed, if so."""
        tenant_id, run = part["tenant_id"], part["_id"]
        fence = partial(self._conclusions.fence, job)
        absent = await self._absences.find(tenant_id, self._source, seen, job["started_at"])
        known = Known(
            absent.ids,
            await witness.deleted_ids() if absent.ids else None,
            await self._absences.shared(absent.ids),
            await self._absences.of_run(tenant_id, part["previous_complete"]),
        )
        suspected = suspects(known)
        if (
            not is_credible(len(suspected), absent.live, self._most_percent)
            and not (part["confirm_deletions"])
        ):
            await self._absences.record(tenant_id, run, absent.ids, fence)
            return (
                f"{len(suspected)} of {absent.live} live tickets of {tenant_id} are gone from the"
                f" helpdesk, more than {self._most_percent:g} %: none was deleted; if that is"
                " right, run again with confirm_deletions=true"
            )
        exists = {id_: await witness.ticket(id_) is not None for id_ in doubtful(known)}
        gone = deletions(known, exists)
        await self._publish(job, part, gone)
        kept = [id_ for id_ in absent.ids if id_ not in gone]
        await self._absences.record(tenant_id, run, kept, fence)
        if kept:
            first = kept[:_SHOWN_IDS]
            log.warning("absent_without_evidence", job_id=run, tickets=len(kept), first=first)
        return None

    async def _publish(self, job: Document, part: Document, gone: Mapping[str, Evidence]) -> None:
        entries = list(gone.items())
        for start in range(0, len(entries), _BATCH):
            rows = list(self._rows(job, part, entries[start : start + _BATCH]))
            sequence = job["sequence"] + len(rows)
            store = partial(self._conclusions.delete, job, part["_id"], rows)
            await in_transaction(self._mongo, store)
            job["sequence"] = sequence
            crash_points.reached("deletions_stored")
            documents = page(job["_id"], sequence, rows)
            for document in documents:
                await self._outbox.publish(document)
            await self._outbox.delete([document["_id"] for document in documents])

    def _rows(
        self, job: Document, part: Document, entries: Iterable[tuple[str, Evidence]]
    ) -> Iterable[RawRow]:
        noticed_at = datetime.now(UTC)
        for number, (external_id, evidence) in enumerate(entries, start=job["sequence"] + 1):
            key = ticket_key(part["tenant_id"], external_id).encode()
            value = deleted(
                Deletion(part["tenant_id"], external_id, evidence, noticed_at),
                source=self._source,
                job_id=part["_id"],
                sequence=number,
                time=job["started_at"],
            )
            yield RawRow(partition_of(key, len(part["sent"])), key, value)


class _AskedOnce:
    """Asks for the list of deleted ids once, for all tenants of a crawl."""

    def __init__(self, witness: Witness) -> None:
        self._witness = witness
        self._is_asked = False
        self._listed: frozenset[str] | None = None

    async def deleted_ids(self) -> frozenset[str] | None:
        if not self._is_asked:
            self._listed = await self._witness.deleted_ids()
            self._is_asked = True
        return self._listed

    async def ticket(self, external_id: str) -> Mapping[str, Any] | None:
        return await self._witness.ticket(external_id)
