"""How many deliveries a minute the order of work leaves, behind the circuit's own rules.

The receiver fails the first two calls for each ticket and answers at once; times are simulated.
"""

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from domain.alert_turns import FAILURES_OF_THE_BEGUN, is_begun, most_begun
from domain.circuit import Admission, CircuitRules, CircuitState, Closed, admit, report
from domain.retry import RetryPolicy

RULES = CircuitRules(failures=5, window=10, open_seconds=30.0)
RETRIES = RetryPolicy(first=0.5, longest=300.0)
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
MINUTES = 30
CALL_SECONDS = 0.02


@dataclass
class Waiting:
    """An alert; `place` is where it stands in a queue that failures join at the end."""

    number: int
    place: int
    calls: int = 0
    next_at: float = 0.0
    is_out: bool = False
    is_delivered: bool = False


Turn = Callable[[list[Waiting], list[Waiting]], Waiting | None]


def oldest_first(most: int) -> Turn:
    """Ours: the oldest that may be sent, while at most so many are begun."""

    def turn(left: list[Waiting], ready: list[Waiting]) -> Waiting | None:
        begun = [alert for alert in left if alert.is_out or is_begun(alert.calls)]
        some = [a for a in ready if is_begun(a.calls)] if len(begun) >= most else ready
        return min(some, key=lambda alert: alert.number, default=None)

    return turn


def as_in_a_queue(left: list[Waiting], ready: list[Waiting]) -> Waiting | None:
    """What most programs do: whoever failed goes to the end."""
    return min(ready, key=lambda alert: alert.place, default=None)


class Simulation:
    """Calls of one deployment, at most `concurrency` at once."""

    def __init__(self, turn: Turn, concurrency: int) -> None:
        self._turn = turn
        self._concurrency = concurrency
        self._left = [Waiting(number, number) for number in range(400)]
        self._state: CircuitState = Closed()
        self._out: list[tuple[float, int, Waiting, Admission]] = []
        self._calls = 0
        self._jitter = random.Random(1)
        self.delivered = 0

    def run(self) -> float:
        """Deliveries a minute."""
        now = 0.0
        while now < 60 * MINUTES:
            moments = [self._begin(now), *(out[0] for out in self._out[:1])]
            moments += [a.next_at for a in self._left if a.next_at > now and not a.is_out]
            now = max(min(moments), now + 1e-4)
            while self._out and self._out[0][0] <= now:
                self._end(now)
        return self.delivered / MINUTES

    def _begin(self, now: float) -> float:
        """Begin every call that may; return when to ask again."""
        while len(self._out) < self._concurrency:
            ready = [a for a in self._left if not a.is_out and a.next_at <= now]
            if (alert := self._turn(self._left, ready)) is None:
                return now + 1.0
            self._calls += 1
            moment = BEGIN + timedelta(seconds=now)
            self._state, leave = admit(self._state, RULES, moment, str(self._calls))
            if not isinstance(leave, Admission):
                return now + leave
            alert.is_out, alert.calls = True, alert.calls + 1
            heapq.heappush(self._out, (now + CALL_SECONDS, self._calls, alert, leave))
        return now + 1.0

    def _end(self, now: float) -> None:
        _, _, alert, leave = heapq.heappop(self._out)
        succeeded = alert.calls > 2
        moment = BEGIN + timedelta(seconds=now)
        self._state = report(self._state, RULES, leave, succeeded, moment)
        alert.is_out = False
        if succeeded:
            self._left.remove(alert)
            self.delivered += 1
        else:
            alert.next_at = now + RETRIES.delay(alert.calls, self._jitter.random())
            alert.place = len(self._left) + self._calls


@pytest.mark.parametrize(
    ("turn", "concurrency", "least", "most"),
    [
        (as_in_a_queue, 1, 0.0, 0.1),
        (as_in_a_queue, 4, 0.0, 0.1),
        (oldest_first(1), 1, 2.9, 3.1),
        (oldest_first(most_begun(1)), 1, 4.5, 5.0),
        (oldest_first(most_begun(2)), 2, 5.0, 6.0),
        (oldest_first(most_begun(4)), 4, 6.5, 8.0),
    ],
    ids=["queue", "queue, 4 out", "one at a time", "ours, 1 out", "ours, 2 out", "ours, 4 out"],
)
def test_the_order_of_work_decides_how_many_are_delivered(
    turn: Turn, concurrency: int, least: float, most: float
) -> None:
    rate = Simulation(turn, concurrency).run()

    print(f"{rate:.1f} deliveries a minute")  # noqa: T201 (ADR 13 names the command)
    assert least <= rate <= most


def test_one_that_always_fails_is_not_waited_for() -> None:
    assert not is_begun(0)
    assert is_begun(1)
    assert is_begun(FAILURES_OF_THE_BEGUN)
    assert not is_begun(FAILURES_OF_THE_BEGUN + 1)
