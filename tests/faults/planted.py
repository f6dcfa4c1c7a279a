"""Planted bugs: each must turn the check of the fault tests red, or the check proves nothing."""

from collections.abc import Callable, Iterable
from typing import Any

from pymongo import ReplaceOne

from domain import cloudevents, observations
from domain.errors import RejectedRecordError
from domain.read_models import TicketsFold, history_document, ticket_document
from infra.checkpoints import Checkpoints
from infra.digests import KeptDigests
from infra.mongo import transaction
from projections.ticket_models import TicketModels
from streams import routing
from streams.change_outbox import ChangeOutbox
from streams.fold import PartitionFold
from streams.sync import SyncStep


def guarded_upsert() -> None:
    """The projector guards each upsert by version: a late duplicate aborts for ever."""

    async def write(self: TicketModels, generation: Any, fold: Any, session: Any) -> None:
        writes = [
            ReplaceOne({"_id": key, "version": {"$lt": d["version"]}}, d, upsert=True)
            for key, d in fold.tickets.items()
        ]
        if writes:
            tickets = self._mongo[generation.names["tickets"]]
            await tickets.bulk_write(writes, session=session)
        rows = [ReplaceOne({"_id": row["_id"]}, row, upsert=True) for row in fold.history]
        if rows:
            history = self._mongo[generation.names["ticket_history"]]
            await history.bulk_write(rows, session=session)

    def apply(self: TicketsFold, event: Any, partition: int) -> None:
        self.tickets[event.key] = ticket_document(event)
        self.history.append(history_document(event))

    TicketModels.write = write  # type: ignore[method-assign]
    TicketsFold.apply = apply  # type: ignore[method-assign]


def ack_before_publish() -> None:
    """The checkpoint moves with no outbox row behind it: a crash before publishing loses events."""

    async def store(self: ChangeOutbox, rows: Any, acknowledged: Any, session: Any) -> None:
        return None

    ChangeOutbox.store = store  # type: ignore[method-assign]


def outbox_not_republished() -> None:
    """A successor takes the checkpoint but forgets the outbox, and its rows."""

    async def open_(self: SyncStep, partitions: Iterable[int]) -> Any:
        wanted = list(partitions)
        session = await self._owners.own(map(self._checkpoints.id_of, wanted))
        async with transaction(session):
            checkpoints = await self._checkpoints.load(wanted, session)
            rows = await self._outbox.load(wanted, session)
        for partition in wanted:
            mine = [row["_id"] for row in rows if row["partition"] == partition]
            self._acknowledged[partition] = mine
        return checkpoints

    SyncStep.open = open_  # type: ignore[method-assign]


def no_raw_filter() -> None:
    """A batch that a dead classifier published twice is folded twice."""
    PartitionFold._is_new = lambda self, origin: True  # type: ignore[method-assign]


def digest_outside_transaction() -> None:
    """The digests change although the documents may not."""
    inside = KeptDigests.change

    async def change(self: KeptDigests, generation: Any, changes: Any, session: Any) -> None:
        outside: Any = None
        await inside(self, generation, changes, outside)

    KeptDigests.change = change  # type: ignore[method-assign]


def checkpoint_outside_transaction() -> None:
    """The checkpoint moves although the documents may not."""
    inside = Checkpoints.advance

    async def advance(self: Checkpoints, moves: Any, session: Any = None) -> None:
        await inside(self, moves, None)

    Checkpoints.advance = advance  # type: ignore[method-assign]


def refuses_odd_tickets() -> None:
    """The validator refuses what a later release takes: status odd, of tenants named poisoned."""
    read = observations.read_ticket

    def read_ticket(row: object) -> observations.SeenTicket:
        ticket = read(row)
        if ticket.tenant_id.startswith("poisoned") and ticket.fields.status == "odd":
            raise RejectedRecordError("status: 'odd' is not known")
        return ticket

    cloudevents.read_ticket = read_ticket  # type: ignore[attr-defined]
    routing.read_ticket = read_ticket  # type: ignore[attr-defined]


BUGS: dict[str, Callable[[], None]] = {
    bug.__name__: bug
    for bug in (
        guarded_upsert,
        ack_before_publish,
        outbox_not_republished,
        no_raw_filter,
        checkpoint_outside_transaction,
        digest_outside_transaction,
        refuses_odd_tickets,
    )
}
