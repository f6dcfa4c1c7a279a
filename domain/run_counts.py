"""Whether the log holds all that a run wrote: its events counted, and held against its marker."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from domain.events import RunMarker

_COUNTED: Final = {
    "created": "new_ingested",
    "updated": "updated",
    "deleted": "deleted",
    "restored": "restored",
}
_CLOSED: Final = "closed"
_OPEN: Final = "open"
_FULL: Final = "full"
_MOST_OPEN: Final = 1_000  # runs that never end are an invention of whoever names them
_REMEMBERED: Final = 64  # a marker may come again, as any record may


class RunCounts:
    """The runs that are open on one partition of the log, and those that ended last on it."""

    def __init__(self, kept: Mapping[str, Any]) -> None:
        self._open: dict[tuple[str, str], dict[str, int]] = {
            (job_id, tenant_id): dict(counts) for job_id, tenant_id, counts in kept.get(_OPEN, ())
        }
        self._closed: list[str] = list(kept.get(_CLOSED, ()))
        self._is_full: bool = kept.get(_FULL, False)

    def kept(self) -> dict[str, Any]:
        """What is to be kept until the next batch, as JSON would have it."""
        counted = [[*run, counts] for run, counts in self._open.items()]
        return {_OPEN: counted, _CLOSED: self._closed, _FULL: self._is_full}

    def count(self, history: Iterable[Mapping[str, Any]]) -> None:
        """Count entries of `ticket_history` that runs made, each once."""
        for entry in history:
            if entry["cause"] == "crawl" and entry["job_id"] is not None:
                # Anyone can name a run: another tenant's does not count what is not its own.
                run = entry["job_id"], entry["tenant_id"]
                counts = self._open.setdefault(run, {})
                name = _COUNTED[entry["action"]]
                counts[name] = counts.get(name, 0) + 1
        while len(self._open) > _MOST_OPEN:
            self._is_full = True
            del self._open[next(iter(self._open))]

    def close(self, marker: RunMarker) -> str | None:
        """Why the log does not hold what this run wrote on this partition; None if it does."""
        if marker.job_id in self._closed:
            return None
        run = marker.job_id, marker.tenant_id
        if self._is_full and run not in self._open:
            return None
        counted = self._open.pop(run, {})
        self._closed = [*self._closed[1 - _REMEMBERED :], marker.job_id]
        said = {
            name: count
            for name, count in msgspec.structs.asdict(marker.tally).items()
            if count and name in _COUNTED.values()
        }
        if counted == said:
            return None
        return f"run {marker.job_id} wrote {_list(said)}, the log holds {_list(counted)}"


def _list(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items())) or "nothing"
