"""Whose turn it is: the order in which alerts are sent to a receiver behind a circuit breaker.

A receiver may fail the first calls for every ticket.  Then each alert that is begun costs failures,
the circuit opens after a few of them, and lets one call out when it half opens.  If that call is an
alert's first it fails too, and nothing is ever delivered; if it is the one that has failed most
often already, it is the likeliest to succeed, and closes the circuit for others.  So what is begun
is finished first, and little is begun at a time.  ADR 13 works out the rates.
"""

from typing import Final, Literal, TypeAlias

Standing: TypeAlias = Literal["fresh", "begun", "stubborn"]

# Calls after which an alert is no longer preferred: or one that always fails would be every probe.
PREFERRED_CALLS: Final = 4


def standing(calls: int) -> Standing:
    """How an alert stands after so many calls.

    `begun` goes before all others, the most calls first; `fresh` and `stubborn` ones, the oldest
    first, go only while few are begun.
    """
    if calls == 0:
        return "fresh"
    return "begun" if calls < PREFERRED_CALLS else "stubborn"
