"""Waiting between attempts on infrastructure that is down: for ever, never in step with others."""

import asyncio
import random

from domain.retry import RetryPolicy

_PATIENT = RetryPolicy(first=0.1, longest=3.0)
# Of its own: the module's generator belongs to whoever seeds it, as property tests do.
_JITTER = random.Random()  # noqa: S311 (jitter)


class Backoff:
    """Counts failures in a row and sleeps accordingly."""

    def __init__(self, policy: RetryPolicy = _PATIENT) -> None:
        self._policy = policy
        self.failures = 0

    async def sleep(self) -> None:
        """Wait after one more failure."""
        self.failures += 1
        await asyncio.sleep(self._policy.delay(self.failures, _JITTER.random()))

    def reset(self) -> None:
        """Forget the failures after a success."""
        self.failures = 0
