"""What a record sent again would do to its ticket: the sync agent's own fold, told.  Pure."""

from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple

from domain.changes import Outcome, decide
from domain.events import Change
from domain.records import Deleted, Observed
from domain.ticket_state import TicketState
from streams.fold import complete_run_before, unknown_ticket

Effect = Literal["created", "updated", "restored", "deleted", "unchanged", "stale", "duplicate"]

_EFFECTS: Final[dict[Outcome, Effect]] = {
    "new_ingested": "created",
    "updated": "updated",
    "restored": "restored",
    "deleted": "deleted",
    "unchanged": "unchanged",
    "stale": "stale",
    "duplicates": "duplicate",
    "repeated": "duplicate",
    "void": "unchanged",
}


class Told(NamedTuple):
    """An effect, the fields that the change event would show, and the state after it."""

    effect: Effect
    changes: tuple[Change, ...]
    state: TicketState


def effect_of(
    record: Observed | Deleted, state: TicketState | None, jobs: Mapping[str, Mapping[str, Any]]
) -> Told:
    """What `record` would do to a ticket of this state; `jobs` are the runs that records name."""
    before = state or unknown_ticket(record)
    decision = decide(before, record, complete_run_before(record, jobs))
    changes = () if decision.event is None else decision.event.changes
    return Told(_effect(before, record, decision.outcome), changes, decision.state)


def _effect(before: TicketState, record: Observed | Deleted, outcome: Outcome) -> Effect:
    """A deletion that the ticket was seen after is stale; another void one finds nothing to do."""
    seen_since = before.observed_at is not None and record.provenance.time <= before.observed_at
    return "stale" if outcome == "void" and seen_since else _EFFECTS[outcome]
