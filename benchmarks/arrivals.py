"""`python -m benchmarks.arrivals`: says when each document of a collection could be read.

A process of its own that follows a change stream, which shows a document once a majority has it.
It writes a line per change: the monotonic clock of this machine, and the document's `_id`.
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from pymongo import MongoClient

from dev.processes import kill_with_us
from infra.settings import Settings

_ROOT: Final = Path(__file__).resolve().parent.parent
_READY: Final = "arrivals ready"
_LONGEST_LINE: Final = 1 << 20


class Arrivals:
    """When each document was seen first, by `_id`, in seconds of the loop's clock."""

    def __init__(self) -> None:
        self.seen: dict[str, float] = {}

    async def follow(self, lines: asyncio.StreamReader) -> None:
        """Note what the process says, until it ends."""
        async for line in lines:
            moment, _, key = line.decode().rstrip("\n").partition(" ")
            self.seen.setdefault(key, float(moment))

    async def until_seen(self, keys: list[str], seconds: float) -> None:
        """Wait until all of these were seen.

        Raises:
            TimeoutError: some were not within so many seconds.
        """
        deadline = time.monotonic() + seconds
        missing = set(keys)
        while missing := {key for key in missing if key not in self.seen}:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(missing)} of {len(keys)} tickets are not readable")
            await asyncio.sleep(0.1)


@asynccontextmanager
async def watching(settings: Settings, collection: str) -> AsyncIterator[Arrivals]:
    """Note arrivals inside the block."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.arrivals",
        settings.mongodb_uri.get_secret_value(), settings.mongodb_database, collection,
        cwd=_ROOT, stdout=asyncio.subprocess.PIPE, limit=_LONGEST_LINE,
    )  # fmt: skip
    assert process.stdout is not None  # noqa: S101 (it is a pipe)
    watcher = kill_with_us(process.pid)
    arrivals = Arrivals()
    following: asyncio.Task[None] | None = None
    try:
        if (said := (await process.stdout.readline()).decode().strip()) != _READY:
            raise ChildProcessError(f"the watcher of {collection} did not start: {said!r}")
        following = asyncio.create_task(arrivals.follow(process.stdout))
        yield arrivals
    finally:
        watcher.kill()
        watcher.communicate()
        process.kill()
        if following is not None:
            await following
        await process.wait()


def watch(
    uri: Annotated[str, typer.Argument()],
    database: Annotated[str, typer.Argument()],
    collection: Annotated[str, typer.Argument()],
) -> None:
    """Write a line per change of a collection, until killed."""
    client: MongoClient[dict[str, Any]] = MongoClient(uri)
    changes = client[database][collection].watch([{"$project": {"documentKey": 1}}])
    with changes as stream:
        stream.try_next()  # from here on nothing is missed
        sys.stdout.write(f"{_READY}\n")
        sys.stdout.flush()
        for change in stream:
            sys.stdout.write(f"{time.monotonic():.6f} {change['documentKey']['_id']}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    typer.run(watch)
