"""A rebuild of the state that dies at a boundary: `python -m tests.stages.rebuild_process NAME`."""

import asyncio
import os
import signal
import sys

from infra import crash_points
from infra.mongo import Mongo
from infra.settings import load_settings
from streams.state_rebuild import rebuild_state


async def main(boundary: str) -> None:
    """Rebuild; SIGKILL at the first time of `boundary`."""

    def watch(reached: str) -> None:
        if reached == boundary:
            os.kill(os.getpid(), signal.SIGKILL)

    crash_points.watch(watch)
    settings = load_settings()
    mongo = Mongo(settings)
    await rebuild_state(settings, mongo, progress=lambda *_: None)
    mongo.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
