"""The verdict on a deployment: what the operator's commands say of its read models."""

import asyncio
import json
import os
import sys
from typing import Any

from benchmarks.deployment import Deployment

_DIFFERS = 1


async def differing(deployment: Deployment) -> int:
    """How many documents `deskstream verify` finds that are not what the log says.

    Raises:
        ChildProcessError: it could not check everything.
    """
    code, report = await _asked(deployment, "verify")
    if code not in (0, _DIFFERS):
        raise ChildProcessError(f"verify ended with {code}")
    return len(report["differences"])


async def _asked(deployment: Deployment, *command: str) -> tuple[int | None, Any]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "cli", *command, "--json",
        env=os.environ | deployment.environment(), stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    said, _ = await process.communicate()
    return process.returncode, json.loads(said)


async def digests_differing(deployment: Deployment) -> int:
    """How many digests that are kept differ from those computed anew from the documents."""
    code, _ = await _asked(deployment, "digest", "--scan")
    return 0 if code == 0 else 1
