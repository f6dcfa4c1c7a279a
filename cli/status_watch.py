"""`deskstream status --watch`: one look after the other, with what moved in between."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final, Protocol

import typer
from aiokafka.errors import KafkaError
from pymongo.errors import PyMongoError
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from cli.running import sentence
from cli.status import Status, look, shown
from cli.status_view import live_lines, name_of
from infra.lag import PartitionLag
from infra.log_reader import LogReader
from infra.mongo import Mongo
from infra.settings import Settings

_WITHIN_SECONDS: Final = 6.0  # longer than MongoDB is looked for


class View(Protocol):
    """Where looks are shown."""

    def show(self, found: Status, rates: Mapping[str, float]) -> None:
        """One look, and how many records each consumer processed per second since the last."""

    def fail(self, reason: str) -> None:
        """A look that found nobody to ask."""


class JsonLines:
    """One object a line, for programs."""

    def show(self, found: Status, rates: Mapping[str, float]) -> None:
        """The status, its moment and the rates."""
        _print_line({**shown(found), "rates": dict(rates)})

    def fail(self, reason: str) -> None:
        """The moment and the reason."""
        _print_line({"error": reason})


class Screen:
    """A live view on a terminal; elsewhere each look is printed below the one before."""

    def __init__(self, console: Console, live: Live | None) -> None:
        self._console = console
        self._live = live
        self._last: list[RenderableType] = []

    def show(self, found: Status, rates: Mapping[str, float]) -> None:
        """Tables and sentences."""
        self._last = list(live_lines(found, rates, datetime.now(UTC)))
        self._put(*self._last)

    def fail(self, reason: str) -> None:
        """What was seen last, and that it is old."""
        line = Text(f"{datetime.now(UTC):%H:%M:%S} UTC: {reason}", style="red")
        if self._live is None:
            self._put(line)
        else:
            self._put(*self._last, line)

    def _put(self, *lines: RenderableType) -> None:
        if self._live is None:
            for line in lines:
                self._console.print(line)
        else:
            self._live.update(Group(*lines), refresh=True)


@contextmanager
def screen(as_json: bool) -> Iterator[View]:
    """Where to show looks, while the block lasts."""
    if as_json:
        yield JsonLines()
        return
    console = Console()
    if not console.is_terminal:
        yield Screen(console, None)
        return
    with Live(console=console, auto_refresh=False) as live:
        yield Screen(console, live)


async def watching(settings: Settings, view: View, seconds: float) -> None:
    """Look every so many seconds, until cancelled, whatever is down meanwhile."""
    mongo, reader = Mongo(settings), LogReader(settings)
    try:
        await watch(lambda: look(settings, mongo, reader), view, seconds)
    finally:
        await reader.stop()
        mongo.close()


async def watch(
    ask: Callable[[], Awaitable[Status]],
    view: View,
    seconds: float,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Ask and show, again and again; an outage is a line, and the rates begin anew behind it."""
    before: tuple[float, list[PartitionLag]] | None = None
    while True:
        begun = clock()
        try:
            async with asyncio.timeout(_WITHIN_SECONDS):
                found = await ask()
        except (KafkaError, PyMongoError, TimeoutError) as error:
            before = None
            view.fail(sentence(error))
        else:
            now = clock()
            view.show(found, {} if before is None else rates(before[1], found.lag, now - before[0]))
            before = now, found.lag
        _heed_cancellation()
        await asyncio.sleep(max(seconds - (clock() - begun), 0))


def _heed_cancellation() -> None:
    """End what was told to end, though a client that was being asked took no notice."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def rates(
    before: list[PartitionLag], after: list[PartitionLag], seconds: float
) -> dict[str, float]:
    """Records a second that each consumer put behind its checkpoints.

    A partition that only one of the looks knows, or whose checkpoint was put back, counts for none.
    """
    known = {_place(lag): lag.next_offset for lag in before}
    moved: Counter[str] = Counter()
    for lag in after:
        moved[name_of(lag)] += max(lag.next_offset - known.get(_place(lag), lag.next_offset), 0)
    return {name: count / seconds for name, count in moved.items()} if seconds > 0 else {}


def _place(lag: PartitionLag) -> tuple[str, int, str, int]:
    return lag.consumer, lag.generation, lag.topic, lag.partition


def _print_line(value: dict[str, Any]) -> None:
    said = {"as_of": datetime.now(UTC), **value}
    typer.echo(json.dumps(said, ensure_ascii=False, default=lambda moment: moment.isoformat()))
