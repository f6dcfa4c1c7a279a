"""Ports for engines: free ones, and each only once."""

import socket

import pytest

from dev.engine_errors import PortTakenError
from dev.ports import LOOPBACK, free_port, is_free, is_listening, require_free


def test_no_port_is_handed_out_twice() -> None:
    ports = [free_port() for _ in range(200)]

    assert len(set(ports)) == len(ports)


def test_a_port_somebody_listens_on_is_not_free() -> None:
    with socket.create_server((LOOPBACK, free_port())) as server:
        port = server.getsockname()[1]

        assert is_listening(port)
        assert not is_free(port)
        with pytest.raises(PortTakenError, match=f"{port}.*Kafka"):
            require_free(port, "Kafka")

    assert is_free(port)
    assert not is_listening(port)
