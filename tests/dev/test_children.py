"""Children of `make run`: logged, watched, ended, and never left behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from dev.children import Child, Supervisor
from dev.run_errors import ChildDiedError, NotReadyError, StopRequested

ROOT = Path(__file__).parents[2]
PARENT = """
import os, sys, time
from pathlib import Path
from dev.children import Supervisor
supervisor = Supervisor(Path(sys.argv[1]), print)
supervisor.start("sleeper", [sys.executable, "-c", "import time; time.sleep(60)"], os.environ)
print(*(p.pid for p in __import__("psutil").Process().children()), flush=True)
time.sleep(60)
"""


class Stage:
    """A supervisor and what it said."""

    def __init__(self, logs: Path) -> None:
        self.said: list[str] = []
        self.supervisor = Supervisor(logs, self.said.append)
        self.children: list[Child] = []

    def start(self, program: str, name: str = "child") -> Child:
        child = self.supervisor.start(name, [sys.executable, "-u", "-c", program], os.environ)
        self.children.append(child)
        return child

    def ready(self, child: Child) -> None:
        self.supervisor.wait_ready(child, lambda: child.has_said("ready"), 10.0)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = Stage(tmp_path / "logs")
    yield made
    made.supervisor.stop(made.children, 0.0)


SLEEPER = "import time; print('ready'); time.sleep(60)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEPER}"


def test_the_log_has_all_and_the_screen_what_matters(stage: Stage) -> None:
    lines = ["now [info     ] fine", "now [warning  ] odd", '{"level": "error", "event": "bad"}']
    child = stage.start(f"print({chr(10).join(lines)!r}); {SLEEPER}")
    stage.ready(child)

    assert child.log.read_text().splitlines() == [*lines, "ready"]
    assert stage.said == [f"child | {line}" for line in lines[1:]]


def test_what_is_said_again_and_again_is_shown_three_times(stage: Stage) -> None:
    odd = [f"now [warning  ] circuit_opened failures={number}" for number in range(5)]
    bad = ['{"level": "error", "event": "bad"}'] * 5
    child = stage.start(f"print({chr(10).join([*odd, *bad])!r}); {SLEEPER}")
    stage.ready(child)

    rest = f" (more of these only in {child.log})"
    shown = [*odd[:2], odd[2] + rest, *bad[:2], bad[2] + rest]
    assert stage.said == [f"child | {line}" for line in shown]
    assert child.log.read_text().splitlines() == [*odd, *bad, "ready"]


def test_a_death_is_reported_by_name_with_its_last_words(stage: Stage) -> None:
    stage.start(SLEEPER, "steady")
    stage.start("import sys; print('last words'); sys.exit(3)", "weak")

    with pytest.raises(ChildDiedError, match=r"(?s)^weak ended by itself.*last words"):
        stage.supervisor.pause(10.0)


def test_who_does_not_get_ready_is_reported(stage: Stage) -> None:
    child = stage.start(SLEEPER)

    with pytest.raises(NotReadyError, match="child was not ready"):
        stage.supervisor.wait_ready(child, lambda: False, 0.1)


def test_stopping_kills_what_does_not_end_in_time(stage: Stage) -> None:
    child, stubborn = stage.start(SLEEPER), stage.start(STUBBORN, "stubborn")
    stage.ready(child)
    stage.ready(stubborn)
    begun = time.monotonic()

    stage.supervisor.stop([child, stubborn], 0.5)

    assert time.monotonic() - begun < 2.0
    assert not child.is_up
    assert not stubborn.is_up
    assert stage.said == ["stubborn did not end in time: killed"]
    stage.supervisor.check()
    stage.children.clear()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_asks_for_the_end(stage: Stage, number: signal.Signals) -> None:
    before = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        stage.supervisor.heed_signals()
        signal.raise_signal(number)
        with pytest.raises(StopRequested):
            stage.supervisor.check()
    finally:
        for known, handler in before.items():
            signal.signal(known, handler)


def test_no_child_outlives_a_killed_parent(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PARENT, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        children = [psutil.Process(int(pid)) for pid in parent.stdout.readline().split()]
        parent.kill()
        _, alive = psutil.wait_procs(children, timeout=5.0)

    assert [child for child in alive if child.status() != psutil.STATUS_ZOMBIE] == []
