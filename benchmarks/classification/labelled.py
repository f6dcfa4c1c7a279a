"""Labelled tickets, as `docs/annotation-guide.md` defines them."""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final, Literal, TypeAlias

import msgspec

Answer: TypeAlias = tuple[str, str, bool]  # urgency, sentiment, requires_action
Part: TypeAlias = Literal["tuning", "frozen"]

_FILE: Final = Path(__file__).with_name("labelled_tickets.json")
_SPLIT_BY_ORDER: Final = "first"  # every later batch is split by its texts


class LabelledTicket(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A ticket and the labels a person gave it."""

    batch: str
    stratum: str
    language: Literal["de", "en", "es", "fr"]
    trade: str
    set: Part
    subject: str
    message: str
    urgency: Literal["high", "medium", "low"]
    sentiment: Literal["negative", "neutral", "positive"]
    requires_action: bool

    @property
    def answer(self) -> Answer:
        """The right labels."""
        return self.urgency, self.sentiment, self.requires_action


class _LabelledTickets(msgspec.Struct, forbid_unknown_fields=True):
    guide: dict[str, str]
    batches: dict[str, str]
    tickets: list[LabelledTicket]


class UnsoundTicketsError(ValueError):
    """Labelled tickets that cannot be believed; the message names what is wrong."""


def labelled_tickets() -> list[LabelledTicket]:
    """Return every labelled ticket.

    Raises:
        UnsoundTicketsError: a ticket stands in the wrong set or a batch is not described.

    """
    return read_labelled_tickets(_FILE.read_bytes())


def read_labelled_tickets(data: bytes) -> list[LabelledTicket]:
    """Return the tickets written in `data` (JSON).

    Raises:
        UnsoundTicketsError: a ticket stands in the wrong set or a batch is not described.

    """
    read = msgspec.json.decode(data, type=_LabelledTickets)
    for ticket in read.tickets:
        if ticket.batch not in read.batches:
            raise UnsoundTicketsError(f"{ticket.subject!r}: batch {ticket.batch} is not described")
        if ticket.batch != _SPLIT_BY_ORDER and ticket.set != part_of(ticket):
            raise UnsoundTicketsError(f"{ticket.subject!r}: its text puts it into another set")
    return read.tickets


def part_of(ticket: LabelledTicket) -> Part:
    """Return the set that the text of a ticket puts it into, since the second batch."""
    digest = sha256(f"{ticket.subject}\n{ticket.message}".encode()).digest()
    return "tuning" if digest[0] % 2 else "frozen"


def of_set(
    tickets: Sequence[LabelledTicket], part: Part, batch: str | None = None
) -> list[LabelledTicket]:
    """Return the tickets of a set, of one batch if it is named."""
    return [one for one in tickets if one.set == part and batch in (None, one.batch)]
