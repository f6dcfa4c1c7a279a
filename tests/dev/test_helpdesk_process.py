"""The helpdesk as a process: same tickets at every start, and an end without delay."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import httpx
import psutil
import pytest

from dev.helpdesk.controls import HelpdeskControls
from dev.helpdesk.faults import Hang
from dev.helpdesk.first_start import first_start, parse_moment
from dev.helpdesk.helpdesk import HelpdeskSettings
from dev.helpdesk.server import HelpdeskNotReadyError, HelpdeskServer

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "dev.helpdesk", "--port=0", "--tickets=40", "--limit=0"]
PARENT = """
import sys, time
from dev.helpdesk.helpdesk import HelpdeskSettings
from dev.helpdesk.server import HelpdeskServer
server = HelpdeskServer(HelpdeskSettings(tickets=5))
server.start()
server.wait_ready()
print(server.pid, flush=True)
time.sleep(60)
"""


def until(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def run_once(*options: str) -> tuple[str, bytes]:
    """Start the helpdesk, take its ready line and its tickets, and end it with SIGTERM."""
    with subprocess.Popen([*COMMAND, *options], cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        line = process.stdout.readline().decode()
        url = line.split("url=", 1)[1].split(" ", 1)[0]
        tickets = httpx.get(f"{url}/_control/tickets", trust_env=False).content
        begun = time.monotonic()
        process.send_signal(signal.SIGTERM)
        process.wait(5.0)
        assert time.monotonic() - begun < 1.0
        assert process.stdout.read() == b""
    return line, tickets


def test_a_later_start_finds_the_same_tickets(tmp_path: Path) -> None:
    state = f"--state={tmp_path / 'new' / 'helpdesk.json'}"
    first, tickets = run_once(state)
    second, again = run_once(state)

    assert first.split(" now=")[1] == second.split(" now=")[1]
    assert tickets == again
    assert tickets.count(b"\n") == 40


def test_now_and_seed_decide_the_tickets() -> None:
    now = "--now=2026-02-03T12:00:00+01:00"
    tickets = [run_once(now, f"--seed={seed}")[1] for seed in (1, 1, 2)]

    assert tickets[0] == tickets[1] != tickets[2]


def test_the_first_start_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    first, later = datetime(2026, 1, 2, tzinfo=UTC), datetime(2026, 1, 9, tzinfo=UTC)

    assert first_start(path, first) == first_start(path, later) == first
    assert [file.name for file in tmp_path.iterdir()] == ["state.json"]


def test_a_moment_without_zone_is_utc() -> None:
    assert parse_moment("2026-01-02T03:04:05") == parse_moment("2026-01-02T04:04:05+01:00")


def test_sigterm_ends_it_at_once_whatever_hangs() -> None:
    with HelpdeskServer(HelpdeskSettings(tickets=5, limit=0)) as helpdesk:
        helpdesk.install_faults([Hang()])
        host, port = helpdesk.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as caller:
            caller.sendall(b"GET /external/support-tickets HTTP/1.1\r\nHost: helpdesk\r\n\r\n")
            until(lambda: helpdesk.faults_fired() == [1])
            process = psutil.Process(helpdesk.pid)
            helpdesk.send_signal(signal.SIGTERM)
            process.wait(timeout=1.0)


def test_it_comes_back_on_the_same_port_with_the_same_tickets() -> None:
    with HelpdeskServer(HelpdeskSettings(tickets=25, limit=0)) as helpdesk:
        url, tickets = helpdesk.url, helpdesk.tickets()
        helpdesk.remove(tickets[0]["tenant_id"], tickets[0]["id"])
        helpdesk.kill()
        with pytest.raises(httpx.ConnectError):
            HelpdeskControls(url).counts()

        helpdesk.start()

        assert helpdesk.wait_ready() == url
        assert helpdesk.tickets() == tickets


def test_it_can_be_frozen_and_stopped_while_frozen() -> None:
    with HelpdeskServer(HelpdeskSettings(tickets=5, limit=0)) as helpdesk:
        helpdesk.send_signal(signal.SIGSTOP)
        with pytest.raises(httpx.ReadTimeout):
            httpx.get(f"{helpdesk.url}/health", timeout=0.2, trust_env=False)


def test_it_dies_with_the_process_that_started_it() -> None:
    command = [sys.executable, "-c", PARENT]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
        until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)


def test_a_helpdesk_that_cannot_start_says_so() -> None:
    with HelpdeskServer(HelpdeskSettings(tickets=5)) as helpdesk:
        port = int(helpdesk.url.rsplit(":", 1)[1])
        second = HelpdeskServer(HelpdeskSettings(tickets=5), port=port)
        second.start()
        with pytest.raises(HelpdeskNotReadyError):
            second.wait_ready()
