"""Letters to a support desk: a subject and a message that belong together."""

import math
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from dev.helpdesk.phrases import Phrases, Story
from dev.helpdesk.slots import Slots

_END = re.compile(r"[.!?] |\n|$")
_BRIEF = 250  # characters
_LONGEST = 20_000  # characters


@dataclass(frozen=True, slots=True)
class LengthProfile:
    """How long messages are, in characters; lengths are log-normal."""

    median: float
    spread: float

    def draw(self, rng: random.Random) -> int:
        """Return the length one message aims at."""
        return min(_LONGEST, int(rng.lognormvariate(math.log(self.median), self.spread)))


NATURAL = LengthProfile(median=250, spread=0.5)
# Aimed a little high, as letters end with the last sentence that fits: measured, a median of about
# 600 and a 95th percentile of about 4,000 characters, for which the benchmarks state their figures.
LONG = LengthProfile(median=690, spread=1.1)


def write_letter(story: Story, slots: Slots, source: str, length: int) -> tuple[str, str]:
    """Return subject and message, of about `length` characters, as they come through `source`."""
    subject, opening = slots.rng.choice(story.letters)
    return _subject(story, slots, subject), _message(story, slots, opening, source, length)


def _subject(story: Story, slots: Slots, phrase: str) -> str:
    """Now and then a reply's, or a shouted one."""
    subject = _capitalised(slots.fill(phrase))
    chance = slots.rng.random()
    if chance < 0.05:
        return f"Re: {subject}"
    if chance < 0.065:
        return f"Fwd: {subject}"
    return subject.upper() if story.urgent and chance > 0.93 else subject


def _message(story: Story, slots: Slots, opening: str, source: str, length: int) -> str:
    spoken = source in ("chat", "phone")
    body = _body(story, slots, slots.fill(opening), length if spoken else length - 40)
    match source:
        case "phone":
            return slots.rng.choice(slots.words.phone_openings) + _capitalised(body)
        case "chat":
            return body if slots.rng.random() < 0.4 else _capitalised(body)
        case "api":
            return _capitalised(body)
        case _:
            return _as_mail(body, slots)


def _body(story: Story, slots: Slots, opening: str, length: int) -> str:
    rng, words = slots.rng, slots.words
    ask = slots.fill(rng.choice(story.asks))
    length = min(length, _BRIEF) if story.brief else length
    sentences = [opening]
    size = len(opening) + len(ask) + 2
    particulars = rng.sample(story.details, len(story.details))
    if not story.brief:
        general = words.technical_particulars if story.technical else words.particulars
        particulars[2:2] = rng.sample(general, 4 if story.technical else 2)
    while particulars and size < length - 25:
        sentence = slots.fill(particulars.pop(0))
        sentences.append(sentence)
        size += len(sentence) + 1
    body = " ".join(sentences)
    for block in _blocks(words, slots, technical=story.technical):
        if size > length - 60:
            break
        block = _cut(block, max(150, length - size))
        body += f"\n\n{block}"
        size += len(block) + 2
    return body + (" " if size < 240 and rng.random() < 0.6 else "\n\n") + ask


def _blocks(words: Phrases, slots: Slots, *, technical: bool) -> Iterator[str]:
    """Yield paragraphs, then logs and quoted mail, without end."""
    if technical and slots.rng.random() < 0.4:
        yield _log(words, slots)
    shopping = slots.tenant.trade == "shop"
    paragraphs = words.shop_paragraphs if shopping else words.paragraphs
    for paragraph in slots.rng.sample(paragraphs, len(paragraphs)):
        yield slots.fill(paragraph)
    yield "\n".join(f"> {slots.fill(line)}" for line in words.quoted)
    while True:
        yield _log(words, slots)


def _cut(block: str, room: int) -> str:
    """Return as many whole sentences or lines of `block` as fit, but at least one."""
    if len(block) <= room:
        return block
    ends = [match.end() for match in _END.finditer(block)]
    return block[: max((end for end in ends if end <= room), default=ends[0])].rstrip()


def _log(words: Phrases, slots: Slots) -> str:
    rng = slots.rng
    moment = slots.earlier(days=3)
    number = rng.randint(1_000, 90_000)
    lines = [words.log_heading]
    for _ in range(rng.randint(6, 24)):
        moment += timedelta(seconds=rng.randint(1, 90))
        number += rng.randint(1, 3)
        values = {"day": f"{moment:%Y-%m-%d}", "clock": f"{moment:%H:%M:%S}", "n": number}
        drawn = {"minutes": rng.randint(11, 48), "count": rng.randint(2, 9)}
        lines.append(rng.choice(words.log_lines).format(**values, **drawn))
    return "\n".join(lines)


def _as_mail(body: str, slots: Slots) -> str:
    rng, words = slots.rng, slots.words
    parts = []
    if rng.random() < 0.8:
        parts.append(rng.choice(words.greetings))
    parts.append(body if parts and rng.random() < 0.3 else _capitalised(body))
    if rng.random() < 0.7:
        signature = slots.fill(rng.choice(words.signatures))
        parts.append(f"{rng.choice(words.farewells)}\n{signature}".rstrip())
    return "\n\n".join(parts)


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]
