"""What is compared on labelled tickets: the rules that ship, and two baselines they must beat."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from benchmarks.classification.labelled import Answer, LabelledTicket
from benchmarks.classification.scores import Guess
from infra.rules import default_classifier

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


def by_rules(subject: str, message: str) -> Answer:
    """Answer as the shipped rules do."""
    labels = default_classifier().classify(subject, message)
    return labels.urgency, labels.sentiment, labels.requires_action


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
