"""Scores of a guess on labelled tickets: shares with their uncertainty, F1 and confusions."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from math import sqrt
from typing import Final, TypeAlias

import msgspec

from benchmarks.classification.labelled import Answer, LabelledTicket

Guess: TypeAlias = Callable[[str, str], Answer]
Confusion: TypeAlias = Mapping[str, Mapping[str, int]]  # right label -> guessed label -> tickets

LABELS: Final = {
    "urgency": ("high", "medium", "low"),
    "sentiment": ("negative", "neutral", "positive"),
    "requires_action": ("True", "False"),
}
AXES: Final = tuple(LABELS)
_Z: Final = 1.96  # standard deviations either side that hold 95 %


class Share(msgspec.Struct, frozen=True):
    """So many of so many."""

    hits: int
    of: int

    @property
    def value(self) -> float:
        """The share, from 0 to 1; 0 of none."""
        return self.hits / self.of if self.of else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Between which values the true share lies, 19 times of 20 (Wilson 1927)."""
        if not self.of:
            return 0.0, 1.0
        spread = _Z**2 / self.of
        middle = self.value + spread / 2
        half = _Z * sqrt(self.value * (1 - self.value) / self.of + spread / (4 * self.of))
        return max(0.0, (middle - half) / (1 + spread)), min(1.0, (middle + half) / (1 + spread))


class Scores(msgspec.Struct, frozen=True):
    """How well a guess does on some tickets."""

    tickets: int
    recall_of_high: Share
    precision_of_high: Share
    macro_f1: Mapping[str, float]  # axis -> 0 to 1
    confusion: Mapping[str, Confusion]  # by axis


def scores(guess: Guess, tickets: Sequence[LabelledTicket]) -> Scores:
    """Compare the guess for each ticket with its labels."""
    return scores_of((ticket.answer, guess(ticket.subject, ticket.message)) for ticket in tickets)


def scores_of(pairs: Iterable[tuple[Answer, Answer]]) -> Scores:
    """Return the scores of (right, guessed) answers."""
    pairs = list(pairs)
    confusion = {
        axis: _confusion(axis, [(str(right[i]), str(guessed[i])) for right, guessed in pairs])
        for i, axis in enumerate(AXES)
    }
    urgency = confusion["urgency"]
    hits = urgency["high"]["high"]
    return Scores(
        tickets=len(pairs),
        recall_of_high=Share(hits, sum(urgency["high"].values())),
        precision_of_high=Share(hits, sum(row["high"] for row in urgency.values())),
        macro_f1={axis: macro_f1(confusion[axis]) for axis in AXES},
        confusion=confusion,
    )


def macro_f1(confusion: Confusion) -> float:
    """Return the mean F1 over every label that occurs in truth; 0 of none."""
    f1 = [
        2 * row[label] / (sum(row.values()) + sum(other[label] for other in confusion.values()))
        for label, row in confusion.items()
        if any(row.values())
    ]
    return sum(f1) / len(f1) if f1 else 0.0


def _confusion(axis: str, pairs: Sequence[tuple[str, str]]) -> Confusion:
    found = Counter(pairs)
    labels = LABELS[axis]
    return {right: {guessed: found[right, guessed] for guessed in labels} for right in labels}
