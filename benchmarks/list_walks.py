"""Lists of one tenant's tickets by cursor, from many places on, beside `skip` and `limit`."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from random import Random
from typing import Final, NamedTuple

from benchmarks.figures import Figure
from benchmarks.many_tickets import SPAN, TENANT
from benchmarks.percentiles import percentile, spread
from benchmarks.readers import Asking, Reader

_ROWS: Final = 50
_WALKS: Final = 80
_WARM_UP: Final = 9  # the first of each kind
_LEAST: Final = 9
_PAGES: Final = 10
_LONG_WALK: Final = 200  # pages
_PLAIN_ASKED: Final = 20
_AIM: Final = 20.0
_FILTERS: Final[tuple[dict[str, str], ...]] = (
    {},
    {"status": "open"},
    {"urgency": "high"},
    {"status": "open,pending", "urgency": "high"},
)
_SEED: Final = 6


class Walk(NamedTuple):
    """Where a list begins, which tickets it holds, and how many pages are turned."""

    kind: str
    query: dict[str, str]
    pages: int = _PAGES


def walks(now: datetime) -> Iterator[Walk]:
    """One long walk, then walks without end: from the first page and from anywhere, in turn."""
    rng = Random(_SEED)  # noqa: S311 (repeatable, not secret)
    whole = {"tenant_id": TENANT, "limit": str(_ROWS)}
    yield Walk("first pages", whole, _LONG_WALK)
    while True:
        for wanted in _FILTERS:
            name = " and ".join(wanted) or "all"
            yield Walk(f"first pages, {name}", whole | wanted)
            place = {"created_to": (now - SPAN * rng.random()).isoformat()}
            yield Walk(f"deep pages, {name}", whole | wanted | place)


async def measure_lists(asking: Asking, count: int) -> Figure:
    """The figure of a tenant that has `count` tickets."""
    for walk in islice(walks(asking.now), _WARM_UP):
        await _turn(asking.reader, walk._replace(pages=1))
    took: dict[str, list[float]] = defaultdict(list)
    for walk in asking.in_time(islice(walks(asking.now), _WALKS), least=_LEAST):
        took[walk.kind] += await _turn(asking.reader, walk)
    everything = spread([one for some in took.values() for one in some])
    kinds = {f"{kind} p95": percentile(some, 0.95) for kind, some in took.items()}
    plain = await _plainly(asking, count)
    details = everything | kinds | {"naive samples": len(plain)}
    return Figure(
        f"list of {count:,} tickets, any page by cursor, p95", everything["p95"], "ms", _AIM,
        more_is_better=False, details=details, naive=percentile(plain, 0.95),
    )  # fmt: skip


async def _turn(reader: Reader, walk: Walk) -> list[float]:
    """Turn pages until there are no more, or enough; milliseconds of each."""
    took: list[float] = []
    query = walk.query
    while len(took) < walk.pages:
        answered = await reader.ask("/tickets", query)
        took.append(answered.milliseconds)
        if (cursor := answered.body["next_cursor"]) is None:
            break
        query = walk.query | {"cursor": cursor}
    return took


async def _plainly(asking: Asking, count: int) -> list[float]:
    """Milliseconds of pages anywhere in the list of all, by the naive variant."""
    rng = Random(_SEED)  # noqa: S311 (repeatable, not secret)
    places = [rng.randrange(max(count - _ROWS, 1)) for _ in range(_PLAIN_ASKED)]
    return [await asking.plain.page(place, _ROWS) for place in asking.in_time(places)]
