"""Rewriting the log: each record as it was, but for what an erasure takes from those before it."""

from hashlib import blake2b

from domain.blanks import blanked_event
from domain.errors import UndecodableEventError
from domain.events import ChangeEvent, decode, encode

_MARK = b'"type":"erased"'


class Erasures:
    """The last erasure of each ticket of a log, by its version: what is before it loses values."""

    def __init__(self) -> None:
        self._versions: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._versions)

    def note(self, value: bytes | None) -> None:
        """Take in one record.

        Raises:
            UndecodableEventError: it seems to be an erasure, and nobody can read it.
        """
        # Nothing but an erasure has these bytes outside of a text, where quotes are escaped.
        if value is None or _MARK not in value:
            return
        event = decode(value)
        if isinstance(event, ChangeEvent) and event.type == "erased":
            self._versions[event.key] = max(self._versions.get(event.key, 0), event.version)

    def names(self, key: bytes | None) -> bool:
        """True if a record with this key may be about an erased ticket."""
        return key is not None and key.decode(errors="replace") in self._versions

    def rewritten(self, key: bytes | None, value: bytes | None) -> bytes:
        """A record's value as it stands in the new log; of most it is the same bytes.

        Raises:
            UndecodableEventError: it has no value, or an erased ticket and no sense.
        """
        if value is None:
            raise UndecodableEventError("a record without a value")
        if not self.names(key):
            return value
        event = decode(value)
        if not isinstance(event, ChangeEvent) or event.version >= self._versions[event.key]:
            return value
        blanked = blanked_event(event)
        return value if blanked == event else encode(blanked)

    def fingerprint(self) -> bytes:
        """What tells these erasures from others: a copy made for others must be made anew."""
        return blake2b(repr(sorted(self._versions.items())).encode(), digest_size=16).digest()
