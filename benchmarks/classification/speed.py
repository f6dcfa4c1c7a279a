"""How long the classifier takes, over the texts of the benchmarks and of the sample."""

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import islice
from time import perf_counter
from typing import Final, NamedTuple, TypeAlias

from benchmarks.workload import tickets
from dev.helpdesk.generator import generate
from infra.interpreter import settle_for_batches
from infra.rules import default_classifier

_Texts: TypeAlias = Sequence[tuple[str, str]]

AIM: Final = 200.0  # microseconds per 1,000 characters
_TICKETS: Final = 2_000
_ROUNDS: Final = 5


class Speed(NamedTuple):
    """What one ticket costs, in microseconds."""

    texts: str
    per_ticket: float
    per_thousand_characters: float


def speeds() -> list[Speed]:
    """Measure both kinds of texts, in a process that is set up as a worker is."""
    settle_for_batches()
    rows = [*islice(tickets(_TICKETS), _TICKETS)]
    sample = generate(11, _TICKETS, now=datetime(2026, 11, 1, tzinfo=UTC))
    return [
        _speed("workload", [(str(row["subject"]), str(row["message"])) for row in rows]),
        _speed("sample", [(str(row["subject"]), str(row["message"])) for row in sample]),
    ]


def _speed(name: str, texts: _Texts) -> Speed:
    """Take the least of some rounds for each text: what it costs if nobody else has the core."""
    classify = default_classifier().classify
    least = [float("inf")] * len(texts)
    for _ in range(_ROUNDS):
        for number, text in enumerate(texts):
            began = perf_counter()
            classify(*text)
            least[number] = min(least[number], perf_counter() - began)
    characters = sum(len(subject) + len(message) for subject, message in texts)
    return Speed(name, sum(least) / len(texts) * 1e6, sum(least) / characters * 1e9)
