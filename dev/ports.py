"""Free TCP ports on the loopback address, for engines that tests start."""

import secrets
import socket
import threading
from contextlib import closing

from dev.engine_errors import PortTakenError

LOOPBACK = "127.0.0.1"

# Below the range from which systems take ports for outgoing connections: an engine that is killed
# and started again later still finds its port free.
_LOWEST, _HIGHEST = 20_000, 32_000

_CONNECT_SECONDS = 1.0

_handed_out: set[int] = set()
_handing_out = threading.Lock()


def is_free(port: int) -> bool:
    """True if a server could listen on `port` now."""
    with closing(socket.socket()) as probe:
        # As the engines do: connections of a former owner that linger do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def is_listening(port: int) -> bool:
    """True if somebody accepts connections on `port`."""
    try:
        socket.create_connection((LOOPBACK, port), _CONNECT_SECONDS).close()
    except OSError:
        return False
    return True


def free_port() -> int:
    """Return a port nobody listens on; never the same one twice in one process."""
    with _handing_out:
        while True:
            port = _LOWEST + secrets.randbelow(_HIGHEST - _LOWEST)
            if port not in _handed_out and is_free(port):
                _handed_out.add(port)
                return port


def require_free(port: int, purpose: str) -> None:
    """Raise `PortTakenError` if somebody listens on `port` already."""
    if not is_free(port):
        raise PortTakenError(port, purpose)
