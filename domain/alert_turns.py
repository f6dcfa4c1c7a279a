"""Whose turn it is: the order in which alerts are sent to a receiver behind a circuit breaker.

A receiver may fail the first calls for every ticket.  Each alert that is begun then costs failures,
a few of them open the circuit, and once it half opens one call goes out.  If that is an alert's
first, it fails as well, and nothing is ever delivered.  So the oldest goes first, an alert that
failed keeps its place, and few are begun before others are ended.  One that goes on failing goes
to the end, or it would be every probe.  ADR 13 has the rates.
"""

from typing import Final

# One that failed more often holds nobody up any more.
FAILURES_OF_THE_BEGUN: Final = 5


# Nor does one that waits longer than any of those would, as its receiver asked for.
LONGEST_WAIT_OF_THE_BEGUN: Final = 8.0  # seconds


def is_begun(calls: int) -> bool:
    """True if an alert, after so many calls, counts among the few that are to be ended first."""
    return 0 < calls <= FAILURES_OF_THE_BEGUN


def most_begun(concurrency: int) -> int:
    """How many alerts may be begun at a time, with so many calls out at once.

    While some wait to be sent again, others keep all calls busy.
    """
    return 2 * concurrency + 4
