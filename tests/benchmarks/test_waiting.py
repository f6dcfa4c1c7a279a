"""When nothing waits any more: for good, and not between two waits."""

import math
from collections import deque

from benchmarks.waiting import FOLLOWED, Offsets, Waiting, calm_since, last_reached
from domain.topics import CHANGES, CLASSIFIED, RAW

TOPICS = (RAW, CLASSIFIED, CHANGES)


def _readings(*seconds: float) -> list[Waiting]:
    return [Waiting(float(moment), waits) for moment, waits in enumerate(seconds)]


def test_calm_begins_after_the_last_reading_that_is_not() -> None:
    assert calm_since(_readings(0.1, 4.0, 0.2, 9.0, 0.3, 0.2), 0.0, longest=1.0) == 4.0


def test_nothing_is_calm_while_the_last_reading_is_not() -> None:
    assert calm_since(_readings(0.1, 0.1, math.inf), 0.0, longest=1.0) is None


def test_what_was_before_does_not_count() -> None:
    assert calm_since(_readings(0.1, 0.2, 0.1), 1.0, longest=1.0) == 1.0
    assert calm_since(_readings(0.1, 0.2, 0.1), 5.0, longest=1.0) is None


def test_a_record_waits_since_the_last_ends_that_all_consumers_reached() -> None:
    ends: deque[tuple[float, Offsets]] = deque(
        (moment, {topic: {0: int(moment) * 10} for topic in TOPICS}) for moment in (1.0, 2.0, 3.0)
    )
    reached = {consumer: {0: 30} for consumer in FOLLOWED}

    assert last_reached(ends.copy(), reached) == 3
    assert last_reached(ends.copy(), reached | {"sync": {0: 29}}) == 2
    assert last_reached(ends.copy(), reached | {"alerts": {}}) == 1
