"""Scores of a classifier against labelled tickets, and the two baselines it must beat."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, TypeAlias

import msgspec

Answer: TypeAlias = tuple[str, str, bool]  # urgency, sentiment, requires_action
Guess: TypeAlias = Callable[[str, str], Answer]
AXES: Final = ("urgency", "sentiment", "requires_action")

# What a filter without grammar would look for.
_HOT: Final = (
    "urgent", "asap", "immediately", "emergency", "down", "outage", "refund", "charged twice",
    "fraud", "hack", "breach", "lawyer", "lawsuit", "court", "gdpr", "lost", "critical",
)  # fmt: skip
_WARM: Final = (
    "error",
    "crash",
    "fail",
    "not work",
    "broken",
    "slow",
    "cancel",
    "wrong",
    "missing",
)
_SOUR: Final = ("angry", "terrible", "disappointed", "frustrated", "unhappy", "ridiculous", "hate")
_SWEET: Final = ("thank", "great", "love", "excellent", "happy", "perfect", "good")


class LabelledTicket(msgspec.Struct, frozen=True):
    """A ticket and the labels a person gave it."""

    stratum: str
    set: str
    subject: str
    message: str
    urgency: str
    sentiment: str
    requires_action: bool

    @property
    def answer(self) -> Answer:
        """The right labels."""
        return self.urgency, self.sentiment, self.requires_action


class _LabelledTickets(msgspec.Struct):
    guide: dict[str, str]
    tickets: list[LabelledTicket]


class Scores(msgspec.Struct, frozen=True):
    """How well a guess does on some tickets; all numbers from 0 to 1."""

    recall_of_high: float
    precision_of_high: float
    macro_f1: Mapping[str, float]


def labelled_tickets() -> list[LabelledTicket]:
    """Return every labelled ticket."""
    data = Path(__file__).with_name("labelled_tickets.json").read_bytes()
    return msgspec.json.decode(data, type=_LabelledTickets).tickets


def scores(guess: Guess, tickets: Sequence[LabelledTicket]) -> Scores:
    """Compare the guess for each ticket with its labels."""
    pairs = [(ticket.answer, guess(ticket.subject, ticket.message)) for ticket in tickets]
    high = Counter((right[0] == "high", guessed[0] == "high") for right, guessed in pairs)
    return Scores(
        recall_of_high=_share(high[True, True], high[True, False]),
        precision_of_high=_share(high[True, True], high[False, True]),
        macro_f1={
            axis: _macro_f1([(str(right[i]), str(guessed[i])) for right, guessed in pairs])
            for i, axis in enumerate(AXES)
        },
    )


def majority(tickets: Sequence[LabelledTicket]) -> Guess:
    """Return the guess that always names the most frequent label of each axis."""
    columns = list(zip(*(ticket.answer for ticket in tickets), strict=True))
    urgency, sentiment, action = (Counter(column).most_common(1)[0][0] for column in columns)
    return lambda _subject, _message: (str(urgency), str(sentiment), bool(action))


def plain_keywords(subject: str, message: str) -> Answer:
    """Guess by keywords found anywhere, also inside other words."""
    text = f"{subject} {message}".lower()
    urgency = "high" if _any(_HOT, text) else "medium" if _any(_WARM, text) else "low"
    sentiment = "negative" if _any(_SOUR, text) else "positive" if _any(_SWEET, text) else "neutral"
    return urgency, sentiment, urgency != "low" or "?" in text


def _any(words: Sequence[str], text: str) -> bool:
    return any(word in text for word in words)


def _share(part: int, rest: int) -> float:
    return part / (part + rest) if part else 0.0


def _macro_f1(pairs: Sequence[tuple[str, str]]) -> float:
    """Return the mean F1 over every label that occurs in truth."""
    found = Counter(pairs)
    right, guessed = Counter(r for r, _ in pairs), Counter(g for _, g in pairs)
    f1 = [2 * found[label, label] / (right[label] + guessed[label]) for label in right]
    return sum(f1) / len(f1)
