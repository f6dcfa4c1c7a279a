"""`make run`, end to end: found again, ended by Ctrl-C, nothing lost and nothing left behind."""

import os
import re
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest

from dev.kafka_jars import JARS, install_jars
from dev.ports import free_port, is_listening

ROOT = Path(__file__).parents[2]
PATIENCE = 120.0
TICKETS = 300
UNSET = ("KAFKA_BOOTSTRAP_SERVERS", "MONGODB_URI", "HELPDESK_URL", "NO_COLOR")


class LocalRun:
    """The command, on a folder and on ports of its own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.ports = [free_port() for _ in range(4)]
        kept = {name: value for name, value in os.environ.items() if name not in UNSET}
        self.environment = kept | {
            "CI": "true",
            "API_PORT": str(self.ports[0]),
            "HELPDESK_RATE_LIMIT": "0",
        }
        self.api = f"http://127.0.0.1:{self.ports[0]}"

    def start(self, *options: str) -> subprocess.Popen[str]:
        """Start it in a process group of its own, as a shell does."""
        names = ("helpdesk", "kafka", "mongo")
        ports = [f"--{name}-port={p}" for name, p in zip(names, self.ports[1:], strict=True)]
        return subprocess.Popen(
            [sys.executable, "-m", "dev.run", f"--root={self.root}", f"--tickets={TICKETS}",
             *ports, *options],
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            process_group=0,
        )  # fmt: skip

    @contextmanager
    def running(self) -> Iterator[subprocess.Popen[str]]:
        """It stays up until the block ends."""
        with self.start() as process:
            try:
                yield process
            finally:
                process.terminate()
                process.communicate(timeout=PATIENCE)

    def run(self, *options: str) -> tuple[int, str]:
        """Run it to its end; return the exit code and all it printed."""
        with self.start(*options) as process:
            printed, _ = process.communicate(timeout=PATIENCE)
        return process.returncode, printed

    def is_gone(self) -> bool:
        """True if nobody listens on its ports."""
        return not any(map(is_listening, self.ports))


@pytest.fixture
def local_run(tmp_path: Path) -> Iterator[LocalRun]:
    run = LocalRun(tmp_path)
    yield run
    assert run.is_gone()


def printed_until(process: subprocess.Popen[str], text: str) -> str:
    assert process.stdout is not None
    printed = ""
    for line in process.stdout:
        printed += line
        if text in line:
            return printed
    raise AssertionError(f"ended without {text!r}:\n{printed}")


def counters(printed: str) -> dict[str, int]:
    """The line of counters of all tenants."""
    names = ("fetched", "new", "updated", "restored", "deleted", "unchanged")
    row = next(line for line in printed.splitlines() if line.split()[:2] == ["all", "SUCCESS"])
    return dict(zip(names, map(int, row.split()[2:]), strict=False))


def change_events(printed: str) -> int:
    match = re.search(r"= ([\d,]+) change events appended", printed)
    assert match is not None, printed
    return int(match[1].replace(",", ""))


@pytest.mark.services
@pytest.mark.timeout(300)
def test_a_second_start_finds_everything_and_ctrl_c_ends_it(local_run: LocalRun) -> None:
    code, printed = local_run.run("--once")

    assert code == 0, printed
    assert counters(printed)["new"] == change_events(printed) == TICKETS
    assert len(re.findall(r"\bequal\b", printed)) == 4
    assert "access: open to this machine, as no key exists" in printed
    assert local_run.is_gone()

    with local_run.running() as process:
        printed = printed_until(process, "up until Ctrl-C")
        assert counters(printed) == {
            **dict.fromkeys(("new", "updated", "restored", "deleted"), 0),
            **dict.fromkeys(("fetched", "unchanged"), TICKETS),
        }
        assert change_events(printed) == 0
        assert httpx.get(f"{local_run.api}/health", trust_env=False).status_code == 200
        family = psutil.Process(process.pid).children(recursive=True)
        begun = time.monotonic()
        os.killpg(process.pid, signal.SIGINT)
        rest, _ = process.communicate(timeout=PATIENCE)

    assert time.monotonic() - begun < 10.0
    assert process.returncode == 0, rest
    assert not any(child.is_running() for child in family)


@pytest.mark.faults
@pytest.mark.timeout(300)
def test_a_death_ends_everything_and_is_named(local_run: LocalRun) -> None:
    with local_run.running() as process:
        printed_until(process, "up until Ctrl-C")
        family = psutil.Process(process.pid).children(recursive=True)
        next(p for p in family if p.cmdline()[-2:] == ["cli", "projector"]).kill()
        rest, _ = process.communicate(timeout=PATIENCE)

    assert process.returncode == 1
    assert "error: projector ended by itself" in rest
    assert "projector_started" in rest
    assert not any(child.is_running() for child in family)


@pytest.mark.services
def test_sigterm_while_it_starts_ends_it(local_run: LocalRun) -> None:
    with local_run.running() as process:
        while not is_listening(local_run.ports[3]):
            time.sleep(0.01)
        process.terminate()
        printed, _ = process.communicate(timeout=PATIENCE)

    assert process.returncode == 0, printed
    assert printed.endswith("stopped\n")


def test_a_taken_port_is_one_line(local_run: LocalRun) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "http.server", "--bind=127.0.0.1", str(local_run.ports[0])],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as other:
        while not is_listening(local_run.ports[0]):
            time.sleep(0.01)
        code, printed = local_run.run("--once")
        other.kill()

    assert code == 1
    assert printed.splitlines()[-1] == (
        f"error: port {local_run.ports[0]}, meant for the API (API_PORT),"
        " is taken by another program"
    )


@pytest.mark.services
def test_without_java_it_says_what_to_install(local_run: LocalRun, tmp_path: Path) -> None:
    install_jars(JARS)  # or Maven, which is needed first, would be named
    local_run.environment["PATH"] = str(tmp_path)

    code, printed = local_run.run("--once")

    assert code == 1
    assert "error: `java` is not on the PATH: install a Java runtime, version 17" in printed


@pytest.mark.services
def test_without_java_but_with_docker_it_runs_in_containers(
    local_run: LocalRun, tmp_path: Path
) -> None:
    docker = tmp_path / "docker"
    docker.write_text('#!/bin/sh\n[ "$1" = info ] || echo "docker $*"\n')
    docker.chmod(docker.stat().st_mode | stat.S_IXUSR)
    local_run.environment["PATH"] = str(tmp_path)

    code, printed = local_run.run("--once")

    assert code == 0
    compose = f"docker compose --file {ROOT / 'docker-compose.yml'}"
    assert printed.splitlines()[-3:] == [
        f"{compose} build",
        f"{compose} run --rm key",
        f"{compose} up",
    ]
