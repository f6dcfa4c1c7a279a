"""Running `deskstream` in a process of its own."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parents[2]
PATIENCE = 60.0

Ended = subprocess.CompletedProcess[str]


class Deskstream:
    """The command in one environment."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment = os.environ | {"NO_COLOR": "1", "COLUMNS": "200"} | dict(environment)
        self.url = f"http://127.0.0.1:{self.environment.get('API_PORT', '8000')}"

    def run(self, *arguments: str) -> Ended:
        """Run a command to its end."""
        return subprocess.run(
            [sys.executable, "-m", "cli", *arguments],
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE * 2,
        )

    def json(self, *arguments: str) -> Any:
        """What a command answers with `--json`."""
        ended = self.run(*arguments, "--json")
        assert ended.stderr == ""
        return json.loads(ended.stdout)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command and leave it running."""
        return subprocess.Popen(
            [sys.executable, "-m", "cli", *arguments],
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # What a shell starts in the background ignores Ctrl-C, and so does all that it starts.
            preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
        )

    @contextmanager
    def api(self) -> Iterator[subprocess.Popen[str]]:
        """A running API, stopped with SIGTERM."""
        process = self.start("api")
        try:
            self._until_alive(process)
            yield process
        finally:
            process.terminate()
            process.communicate(timeout=PATIENCE)

    def _until_alive(self, process: subprocess.Popen[str]) -> None:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            assert process.poll() is None, process.communicate()[1]
            try:
                httpx.get(f"{self.url}/livez", trust_env=False).raise_for_status()
            except httpx.HTTPError:
                time.sleep(0.05)
            else:
                return
        raise AssertionError(f"no API at {self.url}")


def is_one_line_error(ended: Ended, code: int = 1) -> bool:
    """True if the command failed with `code`, and with one line on stderr and nothing else."""
    lines = ended.stderr.splitlines()
    return ended.returncode == code and len(lines) == 1 and lines[0].startswith("deskstream: ")
