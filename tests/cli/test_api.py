"""`deskstream api`: a process that serves, says where, and ends in time."""

import signal
import socket
import time

import httpx
import pytest

from tests.cli.commands import PATIENCE, Deskstream, is_one_line_error


@pytest.mark.services
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.usefixtures("mongo")
def test_it_serves_until_a_signal(deskstream: Deskstream, number: signal.Signals) -> None:
    with deskstream.api() as process:
        assert httpx.get(f"{deskstream.url}/readyz", trust_env=False).status_code == 200
        begun = time.monotonic()
        process.send_signal(number)
        _, log = process.communicate(timeout=PATIENCE)

    assert process.returncode == 0, log
    assert time.monotonic() - begun < 5.0
    assert f"url={deskstream.url}" in log
    assert "GET" not in log


def test_a_taken_port_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = Deskstream({"API_HOST": "127.0.0.1", "API_PORT": port}).run("api")

    assert is_one_line_error(ended)
    assert f"API_PORT={port}" in ended.stderr
