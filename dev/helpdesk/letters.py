"""Letters to a support desk: a subject and a message that belong together."""

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from dev.helpdesk.phrases import Phrases, Story
from dev.helpdesk.slots import Slots

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
# p95 at 4,000 characters: the lengths the benchmarks state their figures for.
LONG = LengthProfile(median=600, spread=math.log(4_000 / 600) / 1.645)


def write_subject(story: Story, slots: Slots) -> str:
    """Return a subject line, now and then a reply's or a shouted one."""
    subject = _capitalised(slots.fill(slots.rng.choice(story.subjects)))
    chance = slots.rng.random()
    if chance < 0.05:
        return f"Re: {subject}"
    if chance < 0.065:
        return f"Fwd: {subject}"
    return subject.upper() if story.urgent and chance > 0.93 else subject


def write_message(story: Story, slots: Slots, source: str, length: int) -> str:
    """Return a message of about `length` characters, shaped by the channel it came through."""
    opening = slots.fill(slots.rng.choice(story.openings))
    ask = slots.fill(slots.rng.choice(story.asks))
    spoken = source in ("chat", "phone")
    body = _body(story, slots, opening, ask, length if spoken else length - 40)
    match source:
        case "phone":
            return slots.rng.choice(slots.words.phone_openings) + _capitalised(body)
        case "chat":
            return body if slots.rng.random() < 0.4 else _capitalised(body)
        case "api":
            return _capitalised(body)
        case _:
            return _as_mail(body, slots)


def _body(story: Story, slots: Slots, opening: str, ask: str, length: int) -> str:
    rng, words = slots.rng, slots.words
    sentences = [opening]
    size = len(opening) + len(ask) + 2
    particulars = rng.sample(story.details, len(story.details))
    particulars[1:1] = rng.sample(words.particulars, min(5, len(words.particulars)))
    while particulars and size < length - 25:
        sentence = slots.fill(particulars.pop(0))
        sentences.append(sentence)
        size += len(sentence) + 1
    body = " ".join(sentences)
    for block in _blocks(words, slots):
        if size > length - 60:
            break
        body += f"\n\n{block[: max(200, length - size)]}"
        size += len(block) + 2
    return body + (" " if size < 240 and rng.random() < 0.6 else "\n\n") + ask


def _blocks(words: Phrases, slots: Slots) -> Iterator[str]:
    """Yield paragraphs, then logs and quoted mail, without end."""
    if slots.rng.random() < 0.25:
        yield _log(words, slots)
    for paragraph in slots.rng.sample(words.paragraphs, len(words.paragraphs)):
        yield slots.fill(paragraph)
    yield "\n".join(f"> {slots.fill(line)}" for line in words.quoted)
    while True:
        yield _log(words, slots)


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
