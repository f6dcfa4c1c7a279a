"""How long to wait before trying again."""

from typing import NamedTuple


class RetryPolicy(NamedTuple):
    """Exponential back-off with full jitter; times in seconds.

    Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    """

    first: float = 0.1
    longest: float = 5.0
    attempts: int | None = None

    def delay(self, failures: int, random: float) -> float:
        """The wait after so many failures in a row (1, 2...); `random` is within [0, 1)."""
        ceiling = min(self.longest, self.first * 2.0 ** min(failures - 1, 30))
        return ceiling * random

    def gives_up_after(self, failures: int) -> bool:
        """True if so many failures are enough."""
        return self.attempts is not None and failures >= self.attempts
