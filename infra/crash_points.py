"""Named boundaries at which a fault test may stop this process; elsewhere they cost one call."""

from collections.abc import Callable

_watcher: Callable[[str], None] | None = None


def watch(watcher: Callable[[str], None] | None) -> None:
    """Have `watcher` told of each boundary as it is reached; None stops that."""
    global _watcher
    _watcher = watcher


def reached(name: str) -> None:
    """Say that the boundary `name` was reached."""
    if _watcher is not None:
        _watcher(name)
