"""Changes to the tickets, as tests and operators send them; as JSON, `op` names the class."""

from datetime import UTC, datetime
from typing import TypeAlias, assert_never

import msgspec

from dev.helpdesk.generator import Ticket
from dev.helpdesk.store import TicketStore
from dev.helpdesk.timestamps import zulu


class Insert(msgspec.Struct, forbid_unknown_fields=True, tag_field="op", tag="insert"):
    """Put tickets in before row `position`; None: at the end."""

    tickets: list[Ticket]
    position: int | None = None


class Update(msgspec.Struct, forbid_unknown_fields=True, tag_field="op", tag="update"):
    """Change fields; `updated_at` becomes the present moment unless named."""

    tenant_id: str
    id: str
    fields: Ticket


class Touch(msgspec.Struct, forbid_unknown_fields=True, tag_field="op", tag="touch"):
    """Move `updated_at` without content; None: to the present moment."""

    tenant_id: str
    id: str
    updated_at: str | None = None


class Remove(msgspec.Struct, forbid_unknown_fields=True, tag_field="op", tag="remove"):
    """Delete; one not `listed` stays out of `deleted-tickets`."""

    tenant_id: str
    id: str
    listed: bool = True


class Restore(msgspec.Struct, forbid_unknown_fields=True, tag_field="op", tag="restore"):
    """Bring a deleted ticket back."""

    tenant_id: str
    id: str


Operation: TypeAlias = Insert | Update | Touch | Remove | Restore


def apply(operation: Operation, store: TicketStore) -> None:
    """Change `store`; raises UnknownTicketError or DuplicateTicketError."""
    now = datetime.now(UTC)
    match operation:
        case Insert():
            store.insert(operation.tickets, operation.position)
        case Update():
            store.update(operation.tenant_id, operation.id, operation.fields, now)
        case Touch():
            moment = operation.updated_at or zulu(now)
            store.touch(operation.tenant_id, operation.id, moment)
        case Remove():
            store.remove(operation.tenant_id, operation.id, listed=operation.listed)
        case Restore():
            store.restore(operation.tenant_id, operation.id)
        case _:
            assert_never(operation)
