"""Statistics of one tenant, asked in every way that a dashboard asks, beside a plain `$facet`."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from random import Random
from typing import Final, NamedTuple

from pymongo.errors import OperationFailure

from benchmarks.figures import Figure
from benchmarks.many_tickets import SPAN, TENANT
from benchmarks.percentiles import percentile, spread
from benchmarks.readers import Answered, Asking

PATH: Final = f"/tenants/{TENANT}/stats"
_ASKED: Final = 400
_WARM_UP: Final = 8
_PLAIN_ASKED: Final = 12
_ZONES: Final = ("Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Adelaide")
_SHORTEST: Final = timedelta(hours=6)
_SEED: Final = 5


class Question(NamedTuple):
    """A range, open where None, and the zone in which hours begin."""

    kind: str
    begin: datetime | None
    end: datetime | None
    zone: str

    @property
    def query(self) -> dict[str, str]:
        """As the API takes it."""
        bounds = {"from_date": self.begin, "to_date": self.end}
        query = {name: moment.isoformat() for name, moment in bounds.items() if moment is not None}
        return query | ({"tz": self.zone} if self.zone != "UTC" else {})


def questions(now: datetime) -> Iterator[Question]:
    """Questions without end: everything, ranges of any length, and both in zones; in turn."""
    rng = Random(_SEED)  # noqa: S311 (repeatable, not secret)
    while True:
        yield Question("whole", None, None, "UTC")
        yield Question("range", *_range(rng, now), "UTC")
        yield Question("whole in a zone", None, None, rng.choice(_ZONES))
        yield Question("range in a zone", *_range(rng, now), rng.choice(_ZONES))


def _range(rng: Random, now: datetime) -> tuple[datetime, datetime]:
    """Six hours to everything; short ones as likely as long ones; at no full hour."""
    length = _SHORTEST * (SPAN / _SHORTEST) ** rng.random()
    begin = now - SPAN + (SPAN - length) * rng.random()
    return begin, begin + length


async def measure_statistics(asking: Asking, count: int, aim: float) -> Figure:
    """The figure of a tenant that has `count` tickets.

    Raises:
        HTTPError: the API does not answer.
    """
    coming = questions(asking.now)
    for question in islice(coming, _WARM_UP):
        answered = await asking.reader.ask(PATH, question.query)
        _check(question, answered, count)
    took: dict[str, list[float]] = defaultdict(list)
    for question in asking.in_time(islice(coming, _ASKED), least=_WARM_UP):
        answered = await asking.reader.ask(PATH, question.query)
        took[question.kind].append(answered.milliseconds)
    everything = spread([one for some in took.values() for one in some])
    kinds = {f"{kind} p95": percentile(some, 0.95) for kind, some in took.items()}
    plain = await _plainly(asking)
    details = everything | kinds | {"naive samples": len(plain)}
    return Figure(
        f"statistics of {count:,} tickets, p95", everything["p95"], "ms", aim,
        more_is_better=False, details=details, naive=percentile(plain, 0.95) if plain else None,
    )  # fmt: skip


def _check(question: Question, answered: Answered, count: int) -> None:
    """Refuse to measure answers that are wrong."""
    total = answered.body["total_tickets"]
    if question.begin is None and total != count:
        raise AssertionError(f"the statistics count {total} of {count} tickets")


async def _plainly(asking: Asking) -> list[float]:
    """Milliseconds of the same questions, fewer of them, by the naive variant.

    It may come to its end early: MongoDB gives up where an aggregation outgrows its memory.
    """
    took: list[float] = []
    for question in asking.in_time(islice(questions(asking.now), _PLAIN_ASKED)):
        bounds = {"$gte": question.begin, "$lt": question.end}
        created = {operator: moment for operator, moment in bounds.items() if moment is not None}
        try:
            took.append(await asking.plain.count(created, question.zone))
        except OperationFailure:
            break
    return took
