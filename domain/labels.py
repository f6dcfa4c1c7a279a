"""The labels a ticket gets, and the evidence for them."""

from typing import Literal, Protocol, TypeAlias

import msgspec

from domain.bounds import Count

Urgency: TypeAlias = Literal["high", "medium", "low"]
Sentiment: TypeAlias = Literal["negative", "neutral", "positive"]


class Match(msgspec.Struct, frozen=True):
    """A piece of evidence: the rule, and the words it saw."""

    rule: str
    text: str  # at most 80 characters, as it stood in the ticket


class Labels(msgspec.Struct, frozen=True):
    """What the rules say of one ticket."""

    urgency: Urgency
    sentiment: Sentiment
    requires_action: bool
    matched: tuple[Match, ...]  # at most 8, the weightiest first
    ruleset_version: Count


class Classifies(Protocol):
    """Whatever labels a ticket by its text."""

    def classify(self, subject: str, message: str) -> Labels:
        """The labels of a ticket; never raises, whatever the text."""
