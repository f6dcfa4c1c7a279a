"""The progress of a rebuild on the screen: a bar with rate and time to go, or plain lines."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import TYPE_CHECKING, Final, Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

if TYPE_CHECKING:
    from projections.rebuild import Progress as Rebuilt

_STEP_PERCENT: Final = 10
_LONGEST_SILENCE_SECONDS: Final = 10.0


class View(Protocol):
    """Shows how far a rebuild is."""

    def show(self, progress: "Rebuilt") -> None:
        """Show the phase, and how many events are folded."""

    def say(self, line: str) -> None:
        """Print a line of its own."""


@contextmanager
def showing(*, quiet: bool) -> Iterator[View]:
    """A view on the error output, so that results can be piped; none if `quiet`."""
    if quiet:
        yield _Silent()
        return
    console = Console(stderr=True)
    if not console.is_terminal or os.environ.get("CI"):
        yield _Lines(console)
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}", markup=False),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as bars:
        yield _Bar(bars)


class _Silent:
    def show(self, progress: "Rebuilt") -> None:
        pass

    def say(self, line: str) -> None:
        pass


class PhaseClock:
    """Shows on a view, and keeps how many seconds each phase took."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._began: dict[str, float] = {}

    def show(self, progress: "Rebuilt") -> None:
        """Show, and note when a phase began."""
        self._began.setdefault(progress.phase, time.monotonic())
        self._view.show(progress)

    def seconds(self) -> dict[str, float]:
        """How long each phase took, the last one until now."""
        moments = [*self._began.values(), time.monotonic()]
        pairs = zip(self._began, pairwise(moments), strict=True)
        return {phase: round(end - begin, 2) for phase, (begin, end) in pairs}


class _Bar:
    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._task: TaskID | None = None
        self._rate = _Rate()

    def show(self, progress: "Rebuilt") -> None:
        if self._task is None:
            self._task = self._bars.add_task("", total=progress.total, rate="")
        self._bars.update(
            self._task,
            description=_title(progress),
            completed=progress.done,
            rate=f"{self._rate.of(progress.done):,.0f} events/s",
        )

    def say(self, line: str) -> None:
        self._bars.console.print(line, markup=False, highlight=False, soft_wrap=True)


class _Lines:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._said: tuple[str, bool, int] | None = None
        self._at = 0.0
        self._rate = _Rate()

    def show(self, progress: "Rebuilt") -> None:
        now = time.monotonic()
        percent = 100 * progress.done // max(progress.total, 1)
        step = (progress.phase, progress.is_paused, percent // _STEP_PERCENT)
        rate = self._rate.of(progress.done)
        if step == self._said and now - self._at < _LONGEST_SILENCE_SECONDS:
            return
        self._said, self._at = step, now
        figures = f"{progress.done:,} of {progress.total:,} events, {rate:,.0f} events/s"
        self.say(f"{_title(progress)}: {percent}%, {figures}")

    def say(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


class _Rate:
    """Events per second since the first one shown."""

    def __init__(self) -> None:
        self._began: tuple[float, int] | None = None

    def of(self, done: int) -> float:
        now = time.monotonic()
        if self._began is None:
            self._began = now, done
        seconds = now - self._began[0]
        return (done - self._began[1]) / seconds if seconds else 0.0


def _title(progress: "Rebuilt") -> str:
    state = "paused, live projectors lag" if progress.is_paused else progress.phase
    return f"{progress.consumer} ({state})"
