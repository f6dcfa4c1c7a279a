"""The progress of a verification on the screen: a live bar on a terminal, plain lines elsewhere."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Protocol

from rich.console import Console
from rich.progress import BarColumn, TaskProgressColumn, TextColumn
from rich.progress import Progress as Bars

from projections.verification_task import Progress

_SILENCE_SECONDS: Final = 10.0


class VerificationView(Protocol):
    """Shows a verification while it goes on."""

    def show(self, progress: Progress) -> None:
        """Show how far it is."""


class Silent:
    """Shows nothing."""

    def show(self, progress: Progress) -> None:
        """Show nothing."""


@contextmanager
def showing(console: Console) -> Iterator[VerificationView]:
    """A view of one verification on `console`, taken down in the end."""
    if not console.is_terminal or os.environ.get("CI"):
        yield _Lines(console)
        return
    columns = (
        TextColumn("verifying"),
        BarColumn(bar_width=30),
        TaskProgressColumn(),
        TextColumn("{task.fields[figures]}", markup=False),
    )
    with Bars(*columns, console=console) as bars:
        yield _Bar(bars)


class _Bar:
    def __init__(self, bars: Bars) -> None:
        self._bars = bars
        self._task = bars.add_task("verifying", figures="")
        self._began = time.monotonic()

    def show(self, progress: Progress) -> None:
        """Move the bar."""
        figures = _figures(progress, time.monotonic() - self._began)
        self._bars.update(
            self._task, total=progress.to_read, completed=progress.read, figures=figures
        )


class _Lines:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._began = self._at = time.monotonic()

    def show(self, progress: Progress) -> None:
        """Print a line after ten seconds of silence."""
        now = time.monotonic()
        if now - self._at < _SILENCE_SECONDS:
            return
        self._at = now
        line = f"verifying: {_figures(progress, now - self._began)}"
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


def _figures(progress: Progress, seconds: float) -> str:
    rate = (progress.read + progress.compared) / max(seconds, 0.001)
    return (
        f"{progress.read:,} of {progress.to_read:,} records read,"
        f" {progress.compared:,} documents compared, {rate:,.0f}/s"
    )
