"""Classification: urgency, sentiment and need for action of a ticket, with the evidence."""

from operator import itemgetter
from typing import Final

from domain.combinations import Combiner
from domain.labels import Labels, Match, Sentiment, Urgency
from domain.languages import language_of
from domain.own_words import own_words
from domain.phrase_search import PhraseSearch
from domain.reading import Claim, Reader, Reading
from domain.ruleset import Ruleset
from domain.words import Words

MOST_MATCHES: Final = 8
LONGEST_MATCH: Final = 80  # characters
_WEIGHT: Final = {"high": 0, "medium": 1, "amplifier": 2}


class Classifier:
    """Reads tickets by one ruleset.  Immutable, so any number of threads may share it."""

    def __init__(self, ruleset: Ruleset) -> None:
        self._ruleset = ruleset
        self._search = PhraseSearch(ruleset)
        self._signs = PhraseSearch(ruleset, signs=True)
        self._combiner = Combiner(ruleset)

    def classify(self, subject: str, message: str) -> Labels:
        """Return the labels of a ticket.  Never fails, and the same text gets the same labels."""
        words = Words(own_words(subject, message))
        reading = self._read(words.folded)
        urgency = _urgency(reading)
        return Labels(
            urgency=urgency,
            sentiment=_sentiment(reading, urgency),
            requires_action=urgency != "low" or reading.asks,
            matched=_evidence(words, reading),
            ruleset_version=self._ruleset.version,
        )

    def _read(self, words: list[str]) -> Reading:
        """Return what stands in `words`, also what is said between the lines."""
        language = language_of(words)
        found, marks = self._search.find(words, language)
        signs = self._combiner.telling(self._signs.find(words, language)[0], found)
        # A sign goes first: a negation that it begins with is its own.
        reading = Reader(self._ruleset.rules).read(
            words, sorted([*signs, *found], key=itemgetter(1)) if signs else found, marks
        )
        if signs:
            reading.claims += self._combiner.combine(reading.claims)
        return reading


def _urgency(reading: Reading) -> Urgency:
    """Return the level of the gravest claim; an amplifier lifts a medium one beside it.

    A plea for speed alone is medium.
    """
    medium, amplified = _sentences(reading, "medium"), _sentences(reading, "amplifier")
    hurried = any(claim.rule.plea for claim in reading.claims)
    near = {sentence + step for sentence in amplified for step in (-1, 0, 1)}
    if _sentences(reading, "high") or medium & near:
        return "high"
    return "medium" if medium or hurried else "low"


def _sentences(reading: Reading, effect: str) -> set[int]:
    """Return the sentences in which a claim of this effect stands."""
    return {claim.sentence for claim in reading.claims if claim.rule.effect == effect}


def _sentiment(reading: Reading, urgency: Urgency) -> Sentiment:
    """Weigh what the writer feels; harm weighs too, and praise beside a problem is courtesy."""
    balance = 0
    for claim in reading.claims:
        balance += _feeling(claim, urgency)
    thanked = any(claim.rule.effect == "thanks" for claim in reading.claims)
    if balance == 0 and thanked and urgency == "low" and not reading.asks:
        return "positive"
    return "negative" if balance < 0 else "positive" if balance > 0 else "neutral"


def _feeling(claim: Claim, urgency: Urgency) -> int:
    """Return the weight of one claim: below zero displeased, above zero pleased."""
    weight = 2 if claim.stressed else 1
    match claim.rule.effect:
        case "negative":
            return 0 if claim.negated else -weight
        case "positive" if claim.negated:
            return -1
        case "positive":
            return weight if urgency == "low" else 0
        case "high" | "amplifier":
            return -weight if urgency == "high" and not claim.rule.plea else 0
        case "medium":
            return -weight if claim.rule.complaint else 0
        case _:
            return 0


def _evidence(words: Words, reading: Reading) -> tuple[Match, ...]:
    """Return the weightiest claims, each with its words as they stood in the ticket."""
    weighty = (claim for claim in reading.claims if claim.rule.effect != "sign")
    claims = sorted(weighty, key=lambda claim: _WEIGHT.get(claim.rule.effect, 3))
    claims = claims[:MOST_MATCHES]
    seen = words.passages([(claim.first, claim.end) for claim in claims], LONGEST_MATCH)
    return tuple(Match(claim.rule.name, text) for claim, text in zip(claims, seen, strict=True))
