"""Whether the sync agent's state of a ticket agrees with the log, which is the truth."""

from typing import Final

from domain.events import Ticket
from domain.ticket_state import TicketState

_TICKET: Final = Ticket.__struct_fields__


def disagreements(state: TicketState | None, told: TicketState | None) -> tuple[str, ...]:
    """The fields in which `state` contradicts `told`, what the log alone tells; none if it agrees.

    A state may know more than the log: later times at which the ticket was shown as it was or said
    to be gone, who showed it then, more ids, and deletions of tickets that were never seen.
    """
    if told is None:
        return ("version",) if state is not None and state.version else ()
    if state is None:
        return ("state",)
    wrong = ["version"] if state.version != told.version else []
    wrong += [name for name in _TICKET if _of(state.ticket, name) != _of(told.ticket, name)]
    wrong += ["changed_at"] if state.changed_at != told.changed_at else []
    wrong += [name for name in ("observed_at", "gone_at") if not _reaches(state, told, name)]
    return tuple(wrong)


def _of(ticket: Ticket | None, name: str) -> object:
    return getattr(ticket, name, None)


def _reaches(state: TicketState, told: TicketState, name: str) -> bool:
    """True if an instant of `state` is the one of `told`, or later; both may be missing."""
    known, least = getattr(state, name), getattr(told, name)
    if known is None or least is None:
        return bool(known is least)
    return bool(known >= least)
