"""Tickets of one tenant, any number: 24 months, customers that return, a long tail of words."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import count
from random import Random
from typing import Final

from benchmarks.workload import DISTINCT, Records, observed, placed, renamed
from dev.helpdesk.generator import generate
from domain.events import ChangeEvent
from infra.kafka import Outgoing

TENANT: Final = "lumenfold"
MONTHS: Final = 24
_MONTH: Final = timedelta(days=30)
SPAN: Final = MONTHS * _MONTH
_SEED: Final = 17
_TAIL: Final = 0.8  # Pareto: words of rank 1,000 are 250 times as rare as those of rank 1
_SYLLABLES: Final = tuple(a + b for a in "bdfgklmnprstvz" for b in ("a", "e", "i", "o", "u"))


def many_tickets(partitions: int, now: datetime, distinct: int = DISTINCT) -> Records:
    """Events without end that each create a ticket, of the time before `now`.

    They are copies of `distinct` originals, in which id, subject, month and one word are their own:
    what grows with the number of tickets is the number of different words, as it does in life, and
    neither that of customers (a sixth of `distinct`) nor that of months.
    """
    rng = Random(_SEED)  # noqa: S311 (repeatable, not secret)
    originals = list(_originals(now, distinct))
    for number in count():
        yield _copy(originals[number % distinct], number, number // distinct, rng, partitions)


def _originals(now: datetime, distinct: int) -> Iterator[ChangeEvent]:
    for row in generate(_SEED, distinct, (TENANT,), now=now, long_messages=True):
        _, event = observed(row, None, row["id"])
        yield event


def _copy(
    original: ChangeEvent, number: int, again: int, rng: Random, partitions: int
) -> tuple[int, Outgoing]:
    ticket = original.ticket
    earlier = rng.randrange(MONTHS) * _MONTH
    event = renamed(
        original,
        f"{original.external_id}-{again}",
        subject=f"{ticket.subject} #{number}",
        message=f"{ticket.message}\n{_word(rng)}",
        created_at=ticket.created_at - earlier,
        updated_at=ticket.updated_at - earlier,
    )
    return placed(event, partitions)


def _word(rng: Random) -> str:
    """A word of three syllables or more; most are rare, as names and typing errors are."""
    rank = int(rng.paretovariate(_TAIL))
    syllables: list[str] = []
    while rank or len(syllables) < 3:
        rank, index = divmod(rank, len(_SYLLABLES))
        syllables.append(_SYLLABLES[index])
    return "".join(syllables)
