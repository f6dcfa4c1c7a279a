"""How many requests the walks over the API made, and how they were answered."""

from collections import Counter, defaultdict
from collections.abc import Iterator

_ANSWERS: defaultdict[str, Counter[int]] = defaultdict(Counter)


def note(walk: str, status: int) -> None:
    """One answer."""
    _ANSWERS[walk][status] += 1


def lines() -> Iterator[str]:
    """A line for each walk."""
    for walk, answers in _ANSWERS.items():
        failures = sum(count for status, count in answers.items() if status >= 500)
        kinds = ", ".join(f"{status}: {answers[status]}" for status in sorted(answers))
        yield f"{walk}: {answers.total()} requests, {failures} answered 5xx ({kinds})"
