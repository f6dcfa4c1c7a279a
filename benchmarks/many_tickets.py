"""Tickets of one tenant, any number: 24 months, customers that return, a long tail of words."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Final

from benchmarks.workload import Records, observed, placed, renamed
from dev.helpdesk.generator import generate
from domain.events import ChangeEvent
from domain.instants import cut
from infra.kafka import Outgoing

TENANT: Final = "lumenfold"
_DAY: Final = timedelta(days=1)
SPAN: Final = 24 * timedelta(days=30)
_SEED: Final = 17
_TAIL: Final = 0.8  # Pareto: words of rank 1,000 are 250 times as rare as those of rank 1
_SYLLABLES: Final = tuple(a + b for a in "bdfgklmnprstvz" for b in ("a", "e", "i", "o", "u"))


def many_tickets(partitions: int, now: datetime, sizes: Sequence[int], distinct: int) -> Records:
    """Events that each create a ticket, up to each of `sizes` in order of creation up to `now`.

    They are copies of `distinct` originals, in which id, subject, time and one word are their own:
    what grows with the number of tickets is the number of different words, as it does in life, and
    not that of customers (a sixth of `distinct`).  Tickets come about as they were created, as from
    crawls and feeds; a day earlier or later is chance.
    """
    rng = Random(_SEED)  # noqa: S311 (repeatable, not secret)
    originals = list(_originals(now, distinct))
    there = 0
    for size in sizes:
        for number in range(there, size):
            share = (number - there) / (size - there)
            created_at = cut(now - SPAN * (1 - share) - _DAY * rng.random())
            original = originals[number % distinct]
            yield _copy(original, number, created_at, _word(rng), partitions)
        there = max(there, size)


def _originals(now: datetime, distinct: int) -> Iterator[ChangeEvent]:
    for row in generate(_SEED, distinct, (TENANT,), now=now, long_messages=True):
        _, event = observed(row, None, row["id"])
        yield event


def _copy(
    original: ChangeEvent, number: int, created_at: datetime, word: str, partitions: int
) -> tuple[int, Outgoing]:
    ticket = original.ticket
    event = renamed(
        original,
        f"{original.external_id}-{number}",
        subject=f"{ticket.subject} #{number}",
        message=f"{ticket.message}\n{word}",
        created_at=created_at,
        updated_at=created_at,
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
