"""A process that is told to end does so, whatever a library of its own still waits for."""

import signal
import subprocess
import sys
import time

import pytest

from tests.cli.commands import ROOT

STUBBORN = """
import asyncio
from cli.running import serve

async def ignore():
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            print("not yet", flush=True)

async def service(settings, stop):
    left = asyncio.create_task(ignore())
    print("ready", flush=True)
    {end}

serve("stubborn", service)
"""


@pytest.mark.parametrize(
    "end",
    [
        pytest.param("await stop.wait()", id="a task"),
        pytest.param("await left", id="the service", marks=pytest.mark.faults),
    ],
)
def test_what_ignores_that_it_is_cancelled_is_left_behind(end: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", STUBBORN.format(end=end)],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    told = time.monotonic()
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=30)

    assert process.returncode == 0
    assert time.monotonic() - told < 15
    assert "tasks left behind" in said
    assert "ignore()" in said


def test_a_failure_is_told_though_something_is_left_behind() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", STUBBORN.format(end="raise SystemError('broken')")],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=30,
    )  # fmt: skip

    assert ended.returncode == 1
    assert "SystemError: broken" in ended.stderr


def test_an_error_at_the_end_is_told() -> None:
    failing = STUBBORN.format(end="left.cancel(); raise SystemError('broken')").replace(
        'print("not yet", flush=True)', "return"
    )
    ended = subprocess.run(
        [sys.executable, "-c", failing], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert ended.returncode == 1
    assert "SystemError: broken" in ended.stderr
