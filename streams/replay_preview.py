"""What a replay would change, without sending anything."""

from collections import Counter, OrderedDict
from collections.abc import Sequence
from typing import Final

from domain.changes import decide
from domain.records import Deleted, Observed, TicketRecord
from domain.ticket_state import TicketState
from infra.mongo import Mongo
from streams.state_store import StateStore

_REMEMBERED: Final = 5_000


class ReplayPreview:
    """Folds records over the states of now, and writes nothing.

    `events` counts change events by type, `others` what becomes of the other records.  It keeps
    the last 5,000 tickets that it changed: of one that comes back after as many others, an event
    may be counted that would not be written.
    """

    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo
        self._store = StateStore(mongo)
        self._changed: OrderedDict[str, TicketState] = OrderedDict()
        self.events: Counter[str] = Counter()
        self.others: Counter[str] = Counter()

    async def take(self, records: Sequence[TicketRecord]) -> None:
        """Count what would become of the records."""
        keys = {record.key for record in records}
        async with await self._mongo.start_session() as session:
            states = await self._store.states(keys, session)
        for key in keys & self._changed.keys():
            states[key] = self._changed[key]
        for record in records:
            if isinstance(record, Observed | Deleted):
                self._judge(record, states)
        while len(self._changed) > _REMEMBERED:
            self._changed.popitem(last=False)

    def _judge(self, record: Observed | Deleted, states: dict[str, TicketState]) -> None:
        about = record.ticket if isinstance(record, Observed) else record
        state = states.get(record.key) or TicketState(
            tenant_id=about.tenant_id, external_id=about.external_id
        )
        decision = decide(state, record)
        if decision.state is not state:
            states[record.key] = self._changed[record.key] = decision.state
            self._changed.move_to_end(record.key)
        if decision.event is None:
            self.others[decision.outcome] += 1
        else:
            self.events[decision.event.type] += 1
