"""The tickets: a mutable set in a stable order, each kept as the bytes it is served as."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from dev.helpdesk.generator import Ticket
from dev.helpdesk.timestamps import zulu

_ENCODER = msgspec.json.Encoder()


class UnknownTicketError(LookupError):
    """No ticket with these ids is there, or none that was removed."""

    def __init__(self, tenant_id: str, ticket_id: str) -> None:
        super().__init__(f"no such ticket: {tenant_id}:{ticket_id}")
        self.tenant_id = tenant_id
        self.ticket_id = ticket_id


class DuplicateTicketError(ValueError):
    """A ticket with these ids is there already."""

    def __init__(self, tenant_id: str, ticket_id: str) -> None:
        super().__init__(f"ticket exists: {tenant_id}:{ticket_id}")
        self.tenant_id = tenant_id
        self.ticket_id = ticket_id


@dataclass(slots=True, eq=False)
class Row:
    """One ticket and its JSON."""

    ticket: Ticket
    encoded: bytes = b""

    def __post_init__(self) -> None:
        self.encoded = encode_row(self.ticket)

    @property
    def key(self) -> tuple[str, str]:
        """Tenant and external id, as text."""
        return str(self.ticket.get("tenant_id")), str(self.ticket.get("id"))

    def change(self, fields: Ticket) -> None:
        """Set `fields` and encode anew."""
        self.ticket = {**self.ticket, **fields}
        self.encoded = encode_row(self.ticket)


@dataclass(slots=True)
class Removal:
    """A row that was removed, where it stood, and whether `deleted-tickets` tells of it."""

    row: Row
    position: int
    listed: bool


@dataclass(slots=True)
class TicketStore:
    """Live tickets in order, and the removed ones.  `revision` grows with every change."""

    rows: list[Row] = field(default_factory=list)
    revision: int = 0
    _by_key: dict[tuple[str, str], Row] = field(default_factory=dict)
    _removed: dict[tuple[str, str], Removal] = field(default_factory=dict)

    def __len__(self) -> int:
        """Return the number of live tickets."""
        return len(self.rows)

    def insert(self, tickets: Iterable[Ticket], position: int | None = None) -> None:
        """Put `tickets` in, in order, before `position` (None: at the end)."""
        position = len(self.rows) if position is None else min(position, len(self.rows))
        fresh = [Row(ticket) for ticket in tickets]
        for row in fresh:
            if row.key in self._by_key:
                raise DuplicateTicketError(*row.key)
            self._by_key[row.key] = row
            self._removed.pop(row.key, None)
        self.rows[position:position] = fresh
        self.revision += 1

    def update(self, tenant_id: str, ticket_id: str, fields: Ticket, now: datetime) -> None:
        """Change `fields` of a ticket; `updated_at` becomes `now` unless the fields name it."""
        self._row(tenant_id, ticket_id).change({"updated_at": zulu(now), **fields})
        self.revision += 1

    def touch(self, tenant_id: str, ticket_id: str, updated_at: str) -> None:
        """Move `updated_at` and nothing else."""
        self._row(tenant_id, ticket_id).change({"updated_at": updated_at})
        self.revision += 1

    def remove(self, tenant_id: str, ticket_id: str, *, listed: bool = True) -> None:
        """Delete a ticket; one not `listed` is gone without a trace in `deleted-tickets`."""
        row = self._row(tenant_id, ticket_id)
        position = self.rows.index(row)
        del self.rows[position], self._by_key[row.key]
        self._removed[row.key] = Removal(row, position, listed)
        self.revision += 1

    def restore(self, tenant_id: str, ticket_id: str) -> None:
        """Bring a deleted ticket back as it was, to about where it was."""
        removal = self._removed.pop((tenant_id, ticket_id), None)
        if removal is None:
            raise UnknownTicketError(tenant_id, ticket_id)
        self.rows.insert(min(removal.position, len(self.rows)), removal.row)
        self._by_key[removal.row.key] = removal.row
        self.revision += 1

    def move(self, source: int, target: int) -> None:
        """Move the row at index `source` to index `target`."""
        self.rows.insert(target, self.rows.pop(source))
        self.revision += 1

    def find(self, ticket_id: str) -> Row | None:
        """Return the first live row with this id, of whatever tenant."""
        return next((row for row in self.rows if row.key[1] == ticket_id), None)

    def window(self, start: int, stop: int) -> list[bytes]:
        """Return the JSON of the live rows with indexes from `start` to before `stop`."""
        return [row.encoded for row in self.rows[start:stop]]

    def of_tenant(self, tenant_id: str | None) -> list[bytes]:
        """Return the JSON of a tenant's live rows (None: of all), in order."""
        return [row.encoded for row in self.rows if tenant_id in (None, row.key[0])]

    def counts(self) -> dict[str, int]:
        """Return the number of live tickets by tenant."""
        return dict(Counter(row.key[0] for row in self.rows))

    def deleted_ids(self) -> list[str]:
        """Return the ids of removed tickets of all tenants, oldest removal first, each once."""
        listed = (key[1] for key, removal in self._removed.items() if removal.listed)
        return list(dict.fromkeys(listed))

    def _row(self, tenant_id: str, ticket_id: str) -> Row:
        row = self._by_key.get((tenant_id, ticket_id))
        if row is None:
            raise UnknownTicketError(tenant_id, ticket_id)
        return row


def encode_row(value: object) -> bytes:
    """Return `value` as JSON; what UTF-8 or 64 bits cannot hold is escaped or spelled out."""
    try:
        return _ENCODER.encode(value)
    except (UnicodeEncodeError, OverflowError):
        return json.dumps(value, separators=(",", ":")).encode("ascii")


def encode_page(rows: Sequence[bytes], next_page: int | None, total_count: int) -> bytes:
    """Return the body of one page of tickets."""
    after = b"null" if next_page is None else b"%d" % next_page
    return b'{"tickets":[%b],"next_page":%b,"total_count":%d}' % (
        b",".join(rows),
        after,
        total_count,
    )
