"""Planted bugs: each must turn the check of the fault tests red, or the check proves nothing."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from pymongo import ReplaceOne

from domain import cloudevents, observations
from domain.errors import RejectedRecordError
from domain.read_models import TicketsFold, history_document, ticket_document
from infra.checkpoints import Checkpoints
from infra.digests import KeptDigests
from infra.mongo import transaction
from projections.rebuild import Rebuilder
from projections.ticket_models import TicketModels
from streams import routing
from streams.change_outbox import ChangeOutbox
from streams.fold import PartitionFold
from streams.sync import SyncStep


def guarded_upsert() -> None:
    """The projector guards each upsert by version: a late duplicate aborts for ever."""
    _apply_every_event(lambda document: {"version": {"$lt": document["version"]}})


def no_version_guard() -> None:
    """The projector writes whatever comes: a late duplicate brings an old version back."""
    _apply_every_event(lambda document: {})


def _apply_every_event(guard: Callable[[Mapping[str, Any]], dict[str, Any]]) -> None:
    async def write(self: TicketModels, generation: Any, fold: Any, session: Any) -> None:
        writes = [
            ReplaceOne({"_id": key, **guard(document)}, document, upsert=True)
            for key, document in fold.tickets.items()
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


def swap_before_verify() -> None:
    """A rebuild is put before the readers first, and looked at then."""
    sound = Rebuilder.run

    async def run(self: Rebuilder, order: Any, check: Any, found: Any) -> Any:
        shadows: list[Any] = []

        async def later(shadow: Any) -> None:
            shadows.append(shadow)

        swapped = await sound(self, order, later, found)
        await check(shadows[0])
        return swapped

    Rebuilder.run = run  # type: ignore[method-assign]


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
        no_version_guard,
        ack_before_publish,
        outbox_not_republished,
        no_raw_filter,
        checkpoint_outside_transaction,
        digest_outside_transaction,
        swap_before_verify,
        refuses_odd_tickets,
    )
}


class Trap(NamedTuple):
    """What uncovers a bug: a death at a boundary, and perhaps late duplicates in the log."""

    process: str
    boundary: str
    late_duplicates: int = 0


TRAPS = {
    "guarded_upsert": Trap("worker", "sync_published"),
    "no_version_guard": Trap("projector", "projector_committed", late_duplicates=200),
    "ack_before_publish": Trap("worker", "sync_committed"),
    "outbox_not_republished": Trap("worker", "sync_committed"),
    "no_raw_filter": Trap("worker", "classified_published"),
    "checkpoint_outside_transaction": Trap("projector", "projector_before_commit"),
    "digest_outside_transaction": Trap("projector", "projector_before_commit"),
}

# Bugs that other checks than the verdict on a crash uncover: the test that plants them.
CAUGHT_ELSEWHERE: dict[str, str] = {
    "refuses_odd_tickets": (
        "tests/faults/test_redrive.py"
        "::test_poison_redriven_after_the_fix_leaves_what_was_left_where_it_never_failed"
    ),
    "swap_before_verify": (
        "tests/projections/test_soundness.py::test_a_swap_before_the_check_is_found_out"
    ),
}
