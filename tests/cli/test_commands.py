"""What every command promises: help at once, and errors of one line."""

import socket
import subprocess
import sys
import time

import pytest

from dev.ports import LOOPBACK, free_port
from tests.cli.commands import ROOT, Deskstream, is_one_line_error

NOWHERE = {
    "KAFKA_BOOTSTRAP_SERVERS": f"{LOOPBACK}:{free_port()}",
    "MONGODB_URI": f"mongodb://{LOOPBACK}:{free_port()}/?replicaSet=rs0",
}
COMMANDS = [
    *("worker", "projector", "api", "status", "ingest", "cancel", "topics create", "topics check"),
    *("replay", "reclassify", "keys create", "keys list", "keys revoke", "keys rotate"),
]


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_every_command_explains_itself(command: str) -> None:
    ended = Deskstream({}).run(*command.split(), "--help")

    assert ended.returncode == 0
    assert "Usage:" in ended.stdout


@pytest.mark.parametrize(
    "command",
    [name for name in COMMANDS if name not in ("worker", "projector", "api")],
)
def test_what_prints_figures_prints_json(command: str) -> None:
    assert "--json" in Deskstream({}).run(*command.split(), "--help").stdout


def test_help_loads_nothing_that_takes_time() -> None:
    program = "import sys, cli.main; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()

    assert not {"aiokafka", "faust", "fastapi", "httpx", "motor", "pydantic"} & set(loaded)


def test_help_is_quick() -> None:
    begun = time.process_time(), time.monotonic()
    Deskstream({}).run("--help")

    assert time.monotonic() - begun[1] < 3.0  # half a second on a machine with nothing else to do


@pytest.mark.parametrize(
    "command",
    [
        "status",
        "replay tickets.raw --from 1h",
        "reclassify",
        "topics check",
        "topics create --wait 0",
        "ingest --all --api NOWHERE",
        "cancel some-run --api NOWHERE",
    ],
)
def test_what_cannot_be_reached_is_one_line(command: str) -> None:
    arguments = command.replace("NOWHERE", f"http://{LOOPBACK}:{free_port()}").split()

    assert is_one_line_error(Deskstream(NOWHERE).run(*arguments))


@pytest.mark.parametrize("command", ["worker", "projector", "api", "status", "topics check"])
def test_a_wrong_setting_is_one_line_that_names_it(command: str) -> None:
    ended = Deskstream({"KAFKA_PARTITIONS": "many"}).run(*command.split())

    assert is_one_line_error(ended, code=2)
    assert "KAFKA_PARTITIONS" in ended.stderr


@pytest.mark.parametrize("options", [(), ("--all", "--tenant", "acme")])
def test_ingest_wants_one_tenant_or_all(options: tuple[str, ...]) -> None:
    assert is_one_line_error(Deskstream({}).run("ingest", *options), code=2)


@pytest.mark.parametrize(
    "options",
    [
        ("--tenant", "acme"),
        ("--tenant", "acme", "--customer", "c-1", "--ticket", "T-1"),
        ("--tenant", "a b", "--ticket", "T-1"),
    ],
)
def test_an_erasure_is_of_one_customer_or_of_one_ticket_of_a_tenant(
    options: tuple[str, ...],
) -> None:
    assert is_one_line_error(Deskstream({}).run("erase", *options), code=2)


def test_a_page_of_metrics_that_cannot_be_served_is_one_line() -> None:
    with socket.create_server((LOOPBACK, 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = Deskstream({**NOWHERE, "METRICS_PORT": port}).run("notifier")

    assert is_one_line_error(ended)
    assert f"METRICS_PORT={port}: cannot listen there" in ended.stderr


@pytest.mark.parametrize(
    "command",
    ["digest", "dlq list", "ingest", "rebuild --all", "reclassify", "verify"],
)
def test_what_can_be_no_tenant_is_one_line(command: str) -> None:
    ended = Deskstream({}).run(*command.split(), "--tenant", "a:b")

    assert is_one_line_error(ended, 2)
    assert "--tenant 'a:b'" in ended.stderr
