"""Reading phrases in context: which claims of a ticket stand.

Negation reaches a few words ahead, up to a pause or a "but"; "if" reaches to the next pause; a
request for information silences the topics of its sentence; "works again" settles what was
said before it.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from domain.phrase_search import Found
from domain.ruleset import Rule
from domain.words import PUNCTUATION

_BARE_TITLE: Final = 3  # words of a subject that names a topic and says nothing of it
TITLE: Final = 0  # the sentence that a subject is
REACH: Final = 4  # words between a negation and what it negates
_SENTENCE_ENDS: Final = frozenset((".", "!", "?", ";", "\n", "..."))


@dataclass(slots=True)
class Claim:
    """A phrase that says something about the ticket."""

    rule: Rule
    first: int  # words, half-open
    end: int
    sentence: int
    negated: bool
    supposed: bool
    stressed: bool  # after a "but"
    only_talked_about: bool = False


@dataclass(slots=True)
class Reading:
    """What one ticket says."""

    claims: list[Claim] = field(default_factory=list)
    asks: bool = False  # a question or a request stands


class Reader:
    """Walks once over the words of a ticket, keeping what is in force at each of them."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = rules
        self._found: list[Claim] = []
        self._sentence = 0
        self._began = 0  # first claim of this sentence
        self._framed = False
        self._denied_until = -1
        self._supposing = False
        self._contrast = False
        self._asked: list[int] = []  # word indices of questions and requests
        self._resolved_at = -1
        self._settled: list[Claim] = []
        self._title_ends = 0
        self._framed_message = False
        self._qualified: set[str] = set()  # topics that the message itself takes back

    def read(self, words: list[str], found: Iterable[Found], marks: list[int]) -> Reading:
        """Return the claims that stand in `words`, given the phrases and marks found in them."""
        marks = [*marks, len(words)]  # the end is one that no phrase stands behind
        passed = 0
        for rule, first, end in found:
            if marks[passed] < first:
                passed = self._pass_marks(words, marks, passed, first)
            self._meet(self._rules[rule], first, end)
        self._pass_marks(words, marks, passed, len(words))
        self._end_sentence(len(words), question=False)
        return Reading(
            claims=[claim for claim in self._found if self._stands(claim)],
            asks=any(place > self._resolved_at for place in self._asked),
        )

    def _pass_marks(self, words: list[str], marks: list[int], passed: int, until: int) -> int:
        """Let the marks before word `until` end what they end.  Return how many are behind."""
        behind = bisect_left(marks, until, passed)
        self._denied_until = -1
        self._supposing = False
        for at in marks[passed:behind]:
            word = words[at]
            if word in _SENTENCE_ENDS:
                question = word == "?"
                if question and words[at - 1] not in PUNCTUATION:
                    self._asked.append(at)
                self._end_sentence(at, question=question)
        return behind

    def _end_sentence(self, at: int, *, question: bool) -> None:
        if self._framed or self._settled or self._began < len(self._found):
            self._judge_sentence(at, question=question)
        if self._sentence == 0:
            self._title_ends = at
        self._sentence += 1

    def _judge_sentence(self, at: int, *, question: bool) -> None:
        """Judge the sentence that ends here, and forget what was in force."""
        for claim in self._found[self._began :]:
            claim.only_talked_about = self._framed and claim.rule.topic
            if self._sentence and (claim.negated or claim.only_talked_about):
                self._qualified.add(claim.rule.name)
        if self._settled and not question and not self._framed:
            self._resolved_at = at
        if self._framed and self._sentence:
            self._framed_message = True
        self._settled.clear()
        self._began = len(self._found)
        self._framed = False

    def _meet(self, rule: Rule, first: int, end: int) -> None:
        handler = _HANDLERS.get(rule.effect)
        if handler is None:
            self._found.append(self._claim(rule, first, end))
        else:
            handler(self, rule, first, end)

    def _claim(self, rule: Rule, first: int, end: int) -> Claim:
        negated = first <= self._denied_until
        supposed = self._supposing and not rule.threat
        return Claim(rule, first, end, self._sentence, negated, supposed, self._contrast)

    def _deny(self, _rule: Rule, _first: int, end: int) -> None:
        self._denied_until = end + REACH

    def _end_denial(self, _rule: Rule, _first: int, _end: int) -> None:
        self._denied_until = -1

    def _contradict(self, _rule: Rule, _first: int, _end: int) -> None:
        self._denied_until = -1
        self._supposing = False
        self._contrast = True
        if self._settled:
            self._resolved_at = self._settled[-1].end
        self._settled.clear()

    def _suppose(self, _rule: Rule, _first: int, _end: int) -> None:
        self._supposing = True
        self._denied_until = -1

    def _frame(self, _rule: Rule, first: int, _end: int) -> None:
        self._framed = True
        self._asked.append(first)

    def _ask(self, _rule: Rule, first: int, _end: int) -> None:
        if first > self._denied_until:
            self._asked.append(first)

    def _settle(self, rule: Rule, first: int, end: int) -> None:
        claim = self._claim(rule, first, end)
        if not claim.negated and not claim.supposed:
            self._settled.append(claim)

    def _reopen(self, _rule: Rule, _first: int, _end: int) -> None:
        self._resolved_at = -1
        self._settled.clear()

    def _stands(self, claim: Claim) -> bool:
        """True unless the context takes the claim back."""
        if claim.supposed or claim.only_talked_about:
            return False
        if claim.sentence == 0 and claim.rule.topic and self._message_disowns(claim.rule):
            return False
        if claim.rule.effect in ("positive", "negative", "thanks"):
            return True
        settled = claim.first < self._resolved_at and not claim.rule.threat
        # What a sign names is named also in "I did not make this transfer".
        named = claim.rule.effect == "sign" and claim.rule.topic
        return not settled and (named or not claim.negated)

    def _message_disowns(self, topic: Rule) -> bool:
        """True if a title only names `topic`, and the message asks about it or denies it."""
        asked = self._framed_message and self._title_ends <= _BARE_TITLE and not topic.plea
        return asked or topic.name in self._qualified


_Handler = Callable[[Reader, Rule, int, int], None]
# The private names are this module's own: the table stands beside the class it completes.
_HANDLERS: Final[dict[str, _Handler]] = {
    "negation": Reader._deny,
    "break": Reader._end_denial,
    "contrast": Reader._contradict,
    "hypothetical": Reader._suppose,
    "frame": Reader._frame,
    "request": Reader._ask,
    "resolved": Reader._settle,
    "reopened": Reader._reopen,
    "inert": lambda *_: None,
}
