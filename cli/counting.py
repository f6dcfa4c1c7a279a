"""A count that goes up to a known total: a bar with rate and time to go, or lines elsewhere."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Task
    from rich.text import Text

Count: TypeAlias = Callable[[int], None]
_SILENCE_SECONDS: Final = 10.0


@contextmanager
def counting(title: str, total: int, unit: str) -> Iterator[Count]:
    """Tell what is given here how many more are done; it is shown on stderr."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal or os.environ.get("CI"):
        yield _Lines(console, title, total, unit)
        return
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: "Task") -> "Text":
            return Text(f"{task.speed or 0:,.0f} {unit}/s")

    columns = (
        *(TextColumn("{task.description}", markup=False), BarColumn(bar_width=30)),
        *(TaskProgressColumn(), MofNCompleteColumn(), Rate(), TimeRemainingColumn()),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(title, total=total)
        yield lambda more: progress.advance(task, more)


class _Lines:
    def __init__(self, console: "Console", title: str, total: int, unit: str) -> None:
        self._console = console
        self._title = title
        self._total = total
        self._unit = unit
        self._done = 0
        self._begun = self._said = time.monotonic()

    def __call__(self, more: int) -> None:
        """Print a line after ten seconds of silence."""
        self._done += more
        now = time.monotonic()
        if now - self._said < _SILENCE_SECONDS:
            return
        self._said = now
        rate = self._done / (now - self._begun)
        left = max(self._total - self._done, 0) / rate if rate else 0.0
        figures = (
            f"{self._done:,} of {self._total:,} {self._unit}, {rate:,.0f}/s, {left:,.0f} s left"
        )
        self._console.print(f"{self._title}: {figures}", markup=False, highlight=False)
