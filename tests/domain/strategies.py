"""Records to fold: builders with a default for everything, and lives of tickets."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from domain.changes import Decision, decide
from domain.events import ChangeEvent
from domain.labels import Labels, Match
from domain.observations import SeenTicket, TicketFields
from domain.records import Deleted, Observed, Origin, Provenance
from domain.ticket_state import TicketState

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
CALM = Labels("low", "neutral", False, (), 1)
ALARMED = Labels("high", "negative", True, (Match("outage", "is down"),), 2)


def at(seconds: float) -> datetime:
    """An instant of the tests' January."""
    return BEGIN + timedelta(seconds=seconds)


def observed(time: float, updated: float | None = None, **said: Any) -> Observed:
    """A ticket shown at `time`, updated then or at `updated`; `said` are fields or provenance.

    Same arguments, same record.
    """
    provenance = _provenance(f"observed {time} {updated} {said}", time, said)
    fields: dict[str, Any] = {
        "subject": "Printer",
        "message": "It is on fire.",
        "status": "open",
        "customer_id": "c-1",
        "source": "email",
        "created_at": at(0),
    }
    labels = said.pop("labels", CALM)
    origin = said.pop("origin", Origin(0, 0, 0))
    ticket = SeenTicket(
        said.pop("tenant_id", "acme"),
        said.pop("external_id", "T-1"),
        at(time if updated is None else updated),
        TicketFields(**(fields | said)),
    )
    return Observed(origin, provenance, ticket, labels)


def deleted(time: float, **said: Any) -> Deleted:
    """A ticket said to be gone since `time`."""
    provenance = _provenance(f"deleted {time} {said}", time, said)
    return Deleted(
        said.pop("origin", Origin(0, 0, 0)),
        provenance,
        said.pop("tenant_id", "acme"),
        said.pop("external_id", "T-1"),
        at(time),
        said.pop("detected_by", "announcement"),
    )


def _provenance(event_id: str, time: float, said: dict[str, Any]) -> Provenance:
    job_id = said.pop("job_id", None)
    return Provenance(
        said.pop("sender", "crm"),
        said.pop("event_id", event_id),
        at(time),
        "upstream" if job_id is None else "crawl",
        job_id,
    )


def unseen(external_id: str = "T-1") -> TicketState:
    """The state of a ticket before its first record."""
    return TicketState(tenant_id="acme", external_id=external_id)


def folded(
    records: Iterable[Observed | Deleted], state: TicketState | None = None
) -> list[Decision]:
    """What becomes of each record of one ticket."""
    state = state or unseen()
    decisions = []
    for record in records:
        decisions.append(decide(state, record))
        state = decisions[-1].state
    return decisions


def log_of(records: Iterable[Observed | Deleted]) -> list[ChangeEvent]:
    """The change events that the records of one ticket add."""
    return [decision.event for decision in folded(records) if decision.event is not None]


def outcomes(*records: Observed | Deleted) -> list[str]:
    """What the records of one ticket count as."""
    return [decision.outcome for decision in folded(records)]


@st.composite
def lives(draw: st.DrawFn, *, tickets: int = 1, max_size: int = 20) -> list[Observed | Deleted]:
    """Records of some tickets, each at a raw position of its own, with few distinct values.

    Time goes on with some disorder, so that equal and older `updated_at`, late deletions, returns
    and repeated ids all come often.
    """
    steps = draw(st.lists(_steps(tickets), min_size=1, max_size=max_size))
    return [_record(step, offset) for offset, step in enumerate(steps)]


def _steps(tickets: int) -> st.SearchStrategy[tuple[str, int, int, int, int, int]]:
    late = st.integers(-4, 2)
    kinds = st.sampled_from(["observed", "observed", "observed", "deleted"])
    return st.tuples(kinds, st.integers(1, tickets), late, late, st.integers(0, 3), st.integers())


def _record(step: tuple[str, int, int, int, int, int], offset: int) -> Observed | Deleted:
    kind, ticket, late, updated_late, content, chance = step
    time, updated = offset + late, offset + updated_late
    said: dict[str, Any] = {
        "external_id": f"T-{ticket}",
        "origin": Origin(0, 0, offset),
        # One in five repeats an id that an earlier record may have had.
        "event_id": f"e{chance % 7}" if chance % 5 == 0 else f"o{offset}",
        "job_id": (None, "run-1")[chance % 2],
    }
    if kind == "deleted":
        return deleted(time, **said)
    status, message = (
        ("open", "closed")[content % 2],
        ("It is on fire.", "It is down.")[content // 2],
    )
    labels = (CALM, ALARMED)[chance % 3 == 0]
    return observed(time, updated, status=status, message=message, labels=labels, **said)
