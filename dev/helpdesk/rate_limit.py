"""The helpdesk's limit: so many calls in any period, counted as they arrive."""

import math
from collections import deque


class SlidingWindow:
    """Allows `limit` calls in any `period` seconds; a limit of 0 allows all.

    A refused call takes no place in the window.
    """

    def __init__(self, limit: int, period: float) -> None:
        self.limit = limit
        self.period = period
        self._allowed: deque[float] = deque()

    def admit(self, now: float) -> float | None:
        """Take a place at `now` and return None, or return the seconds until one is free."""
        if self.limit == 0:
            return None
        while self._allowed and now - self._allowed[0] >= self.period:
            self._allowed.popleft()
        if len(self._allowed) < self.limit:
            self._allowed.append(now)
            return None
        return self._allowed[0] + self.period - now

    def change(self, limit: int, period: float) -> None:
        """Set another limit; the window begins empty."""
        self.limit = limit
        self.period = period
        self._allowed.clear()


def retry_after(seconds: float) -> str:
    """Return `seconds` as the text of a Retry-After header, rounded up to at least 1."""
    return str(max(1, math.ceil(seconds)))
