"""`deskstream api`: a process that serves, says where, and ends in time."""

import signal
import socket
import time

import httpx
import pytest

from tests.cli.commands import PATIENCE, Deskstream, is_one_line_error

HTTPX_KEEPS_SECONDS = 5


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
    [line] = [line for line in log.splitlines() if "access_open" in line]
    assert "no API key exists" in line


@pytest.mark.services
@pytest.mark.usefixtures("mongo")
def test_a_connection_idle_for_longer_than_clients_keep_it_stays_open(
    deskstream: Deskstream,
) -> None:
    with deskstream.api():
        host, _, port = deskstream.url.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port)), timeout=PATIENCE) as connection:
            connection.sendall(b"GET /livez HTTP/1.1\r\nHost: here\r\n\r\n")
            answer = connection.makefile("rb")
            assert answer.readline().startswith(b"HTTP/1.1 200")
            length = [0]
            while line := answer.readline().strip():
                name, _, value = line.partition(b":")
                length += [int(value)] if name.lower() == b"content-length" else []
            answer.read(length[-1])
            connection.settimeout(HTTPX_KEEPS_SECONDS + 1)
            with pytest.raises(TimeoutError):
                connection.recv(1)  # no byte, and no end


def test_a_taken_port_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = Deskstream({"API_HOST": "127.0.0.1", "API_PORT": port}).run("api")

    assert is_one_line_error(ended)
    assert f"API_PORT={port}" in ended.stderr
