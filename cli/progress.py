"""The progress of a run on the screen: live bars on a terminal, plain lines elsewhere."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn

from cli.runs import Job, Run, RunView

_STEP_PERCENT: Final = 10
_LONGEST_SILENCE_SECONDS: Final = 10.0
_MINUTE: Final = 60


@contextmanager
def showing(console: Console) -> Iterator[RunView]:
    """A view of one run on `console`, taken down in the end."""
    if not console.is_terminal or os.environ.get("CI"):
        yield _Lines(console)
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=30),
        TaskProgressColumn(),
        TextColumn("{task.fields[figures]}", markup=False),
    )
    with Progress(*columns, console=console) as progress:
        yield _Bars(progress)


class _Bars:
    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._bars: dict[str, TaskID] = {}

    def show(self, run: Run) -> None:
        """Move the bar of the crawl, and one per tenant."""
        self._move(_title(run), run.job, crawl_figures(run.job))
        for tenant_id, job in run.tenants.items():
            self._move(f"  {tenant_id}", job, tenant_figures(job))

    def _move(self, name: str, job: Job, figures: str) -> None:
        if name not in self._bars:
            self._bars[name] = self._progress.add_task(name, total=100, figures="")
        self._progress.update(self._bars[name], completed=job["percent"], figures=figures)


class _Lines:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._said: tuple[str, int] = ("", 0)
        self._at = 0.0

    def show(self, run: Run) -> None:
        """Print a line with every phase, every tenth, and after ten seconds of silence."""
        now = time.monotonic()
        step = (run.job["phase"], int(run.job["percent"]) // _STEP_PERCENT)
        if step == self._said and now - self._at < _LONGEST_SILENCE_SECONDS:
            return
        self._said, self._at = step, now
        line = f"{_title(run)}: {run.job['percent']:.0f}%, {crawl_figures(run.job)}"
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


def _title(run: Run) -> str:
    return "crawl of all tenants" if run.job["tenant_id"] == "*" else run.job["tenant_id"]


def crawl_figures(job: Job) -> str:
    """Phase, pages, tickets and time to go of a job that fetches."""
    pages = f"{job['pages_done']}/{job['pages_total'] or '?'} pages"
    return f"{job['phase']}, {pages}, {tenant_figures(job)}"


def tenant_figures(job: Job) -> str:
    """Tickets and time to go of a job."""
    figures = f"{job['tickets_applied']:,} of {job['tickets_fetched']:,} tickets applied"
    seconds = job["eta_seconds"]
    return f"{figures}, {_duration(seconds)} left" if seconds else figures


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), _MINUTE)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
