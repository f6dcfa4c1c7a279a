"""`python -m dev.stack`: engines in the background, found again and stopped by name."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dev.engines import Engines
from dev.mongod import Mongod
from dev.ports import LOOPBACK, free_port, is_listening

pytestmark = pytest.mark.services


class Stack:
    """The command on a folder and on ports of its own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.ports = (free_port(), free_port())

    def up(self) -> subprocess.CompletedProcess[str]:
        kafka_port, mongo_port = map(str, self.ports)
        return self.run("up", "--kafka-port", kafka_port, "--mongo-port", mongo_port)

    def run(self, command: str, *options: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "dev.stack", command, "--root", str(self.root), *options],
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | {"NO_COLOR": "1"},
        )


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    stack = Stack(tmp_path)
    yield stack
    stack.run("down")


@pytest.mark.faults
def test_up_twice_starts_once_and_down_stops_both(stack: Stack) -> None:
    first = stack.up()
    running = stack.run("status").stdout
    second = stack.up()

    assert first.returncode == 0, first.stderr
    assert first.stdout.startswith(f"KAFKA_BOOTSTRAP_SERVERS={LOOPBACK}:{stack.ports[0]}\n")
    assert second.stdout == first.stdout
    assert stack.run("status").stdout == running
    assert stack.run("down").stdout == "kafka: stopped\nmongod: stopped\n"
    assert not any(map(is_listening, stack.ports))
    assert stack.run("status").returncode == 1


def test_down_leaves_alone_what_another_program_started(stack: Stack) -> None:
    with Engines.local(stack.root).mongod as mongod:
        answer = stack.run("down").stdout

        assert answer.startswith("kafka: was not running\nmongod: left to the program")
        mongod.wait_ready(deadline=5)


def test_a_taken_port_is_one_line_and_leaves_nothing_running(stack: Stack, tmp_path: Path) -> None:
    with Mongod(tmp_path / "another", stack.ports[1]) as mongod:
        answer = stack.up()

        assert answer.returncode == 1
        assert answer.stderr.splitlines() == [
            f"error: port {stack.ports[1]}, meant for mongod, is taken by another program"
        ]
        assert not is_listening(stack.ports[0])
        mongod.wait_ready(deadline=5)
