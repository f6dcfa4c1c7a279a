"""What `make evaluate` shows: scores with their uncertainty, confusions and the worst slices."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.classification.guesses import by_rules, majority, plain_keywords
from benchmarks.classification.labelled import LabelledTicket, Part, of_set
from benchmarks.classification.scores import AXES, LABELS, Guess, Scores, Share, scores

# Section 7 of the contract, as it is to be held on tickets that no rule was written for.
AIMS: Final = {"recall_of_high": 0.95, "precision_of_high": 0.85, "macro_f1": 0.85}
_SLICES: Final = ("stratum", "language", "batch", "trade")
_FEWEST: Final = 5  # tickets of a slice worth showing
_WORST: Final = 8
_SHORT: Final = ("urg.", "sent.", "act.")  # macro-F1 of the axes, as columns


@dataclass(frozen=True)
class Row:
    """One guess on one set of one batch."""

    part: Part
    batch: str
    guess: str
    scores: Scores

    def as_json(self) -> dict[str, Any]:
        """The row for `--json`."""
        found = self.scores
        return {
            "set": self.part,
            "batch": self.batch,
            "guess": self.guess,
            "tickets": found.tickets,
            "recall_of_high": _share_json(found.recall_of_high),
            "precision_of_high": _share_json(found.precision_of_high),
            "macro_f1": dict(found.macro_f1),
            "confusion": msgspec.to_builtins(found.confusion),
        }


def rows(tickets: Sequence[LabelledTicket]) -> Iterator[Row]:
    """Yield the scores of the rules and of the baselines, by set and batch."""
    guesses: dict[str, Guess] = {
        "rules": by_rules,
        "majority": majority(of_set(tickets, "tuning")),
        "keywords": plain_keywords,
    }
    parts: tuple[Part, ...] = ("tuning", "frozen")
    for part in parts:
        for batch in sorted({ticket.batch for ticket in tickets}):
            for name, guess in guesses.items():
                yield Row(part, batch, name, scores(guess, of_set(tickets, part, batch)))


def missed(found: Scores) -> list[str]:
    """Return the aims that these scores do not reach."""
    short = [
        name
        for name in ("recall_of_high", "precision_of_high")
        if getattr(found, name).value < AIMS[name]
    ]
    return short + [f"F1 {axis}" for axis in AXES if found.macro_f1[axis] < AIMS["macro_f1"]]


def worst_slices(tickets: Sequence[LabelledTicket]) -> list[tuple[str, int, Share]]:
    """Return (slice, tickets, urgency right), the worst first; small slices are left out."""
    slices: dict[str, list[LabelledTicket]] = {}
    for ticket in tickets:
        for field in _SLICES:
            slices.setdefault(f"{field} {getattr(ticket, field)}", []).append(ticket)
    rated = [
        (name, len(each), Share(sum(_is_right(one) for one in each), len(each)))
        for name, each in slices.items()
        if len(each) >= _FEWEST
    ]
    return sorted(rated, key=lambda row: (row[2].value, row[0]))[:_WORST]


def show(console: Console, tickets: Sequence[LabelledTicket]) -> None:
    """Print everything."""
    found = list(rows(tickets))
    console.print(_score_table(found))
    console.print("urg., sent., act.: macro-F1 of the three axes")
    console.print("beside each share: where the true one lies, 19 times of 20 (Wilson)")
    for row in found:
        if row.guess == "rules":
            console.print(_verdict(row))
    for row in found:
        if row.guess == "rules" and row.batch != "first":
            for axis in AXES:
                console.print(_confusion_table(row, axis))
            console.print(_slice_table(row.part, of_set(tickets, row.part)))


def errors(tickets: Sequence[LabelledTicket], show_line: Callable[[str], None]) -> None:
    """Show each tuning ticket that the rules read otherwise.  Frozen ones stay unread."""
    for ticket in of_set(tickets, "tuning"):
        guessed = by_rules(ticket.subject, ticket.message)
        if guessed != ticket.answer:
            show_line(f"{ticket.stratum}: {ticket.answer} read as {guessed}")
            show_line(f"  {ticket.subject} | {ticket.message[:300]!r}")


def _is_right(ticket: LabelledTicket) -> bool:
    return by_rules(ticket.subject, ticket.message)[0] == ticket.urgency


def _share_json(share: Share) -> dict[str, Any]:
    return {"value": share.value, "hits": share.hits, "of": share.of, "wilson95": share.interval}


def _score_table(found: Sequence[Row]) -> Table:
    table = Table(title="Classification of labelled tickets", box=None, padding=(0, 1, 0, 0))
    for column in ("tickets", "guess", "recall of high", "precision", *_SHORT):
        table.add_column(column, no_wrap=True)
    for row in found:
        table.add_row(
            f"{row.part} {row.batch} {row.scores.tickets}",
            row.guess,
            _share(row.scores.recall_of_high),
            _share(row.scores.precision_of_high),
            *(f"{row.scores.macro_f1[axis]:.2f}" for axis in AXES),
        )
    return table


def _verdict(row: Row) -> str:
    short = missed(row.scores)
    verdict = f"[red]missed: {', '.join(short)}" if short else "[green]reached"
    return f"aims of the contract, {row.part} {row.batch}: {verdict}"


def _share(share: Share) -> str:
    low, high = share.interval
    return f"{share.value:.3f} {low:.2f}-{high:.2f}"


def _confusion_table(row: Row, axis: str) -> Table:
    table = Table(title=f"{row.part}, {row.batch}: {axis}", box=box.SIMPLE_HEAD)
    for column in ("right \\ guessed", *LABELS[axis]):
        table.add_column(column)
    for right, guessed in row.scores.confusion[axis].items():
        table.add_row(right, *(str(guessed[label]) for label in LABELS[axis]))
    return table


def _slice_table(part: Part, tickets: Sequence[LabelledTicket]) -> Table:
    table = Table(title=f"{part}: worst slices by urgency", box=box.SIMPLE_HEAD)
    for column in ("slice", "n", "urgency right"):
        table.add_column(column)
    for name, number, right in worst_slices(tickets):
        table.add_row(name, str(number), _share(right))
    return table
