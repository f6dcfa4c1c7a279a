"""A ticket as a source shows it: the one validator that crawl and classifier share."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from domain.bounds import Identifier, TenantId, check_instants, check_texts
from domain.errors import RejectedRecordError
from domain.identity import MAX_ID_LENGTH, is_tenant_id, ticket_key
from domain.instants import parse_instant

MAX_RECORD_BYTES: Final = 256 * 1024
LARGEST_INTEGER: Final = 2**63 - 1
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class TicketFields(msgspec.Struct, frozen=True):
    """What is compared to detect a change.  Instants are UTC, cut to milliseconds."""

    subject: str
    message: str
    status: str
    customer_id: Identifier | None
    source: str | None
    created_at: datetime

    def __post_init__(self) -> None:
        check_instants((self.created_at,))
        check_texts((self.subject, self.message, self.status, self.source))


class SeenTicket(msgspec.Struct, frozen=True):
    """One valid ticket as a source showed it."""

    tenant_id: TenantId
    external_id: Identifier
    updated_at: datetime
    fields: TicketFields

    def __post_init__(self) -> None:
        check_instants((self.updated_at,))

    @property
    def key(self) -> str:
        """`tenant:external_id`."""
        return ticket_key(self.tenant_id, self.external_id)


def read_ticket(row: object) -> SeenTicket:
    """The ticket that `row`, an object as in section 4 of the contract, describes.

    A null or missing `subject` or `message` is the empty string, a missing `updated_at` is
    `created_at`, an integer id its decimal text, an empty `customer_id` none.  Members beyond the
    contract are left out.

    Raises:
        RejectedRecordError: the row breaks the contract; the reason names the member.
    """
    if not isinstance(row, Mapping):
        raise RejectedRecordError(f"ticket: expected an object, got {type(row).__name__}")
    created_at = parse_instant(row.get("created_at"), "created_at")
    updated_at = row.get("updated_at")
    return SeenTicket(
        tenant_id=read_tenant_id(row),
        external_id=read_id(row, "id"),
        updated_at=created_at if updated_at is None else parse_instant(updated_at, "updated_at"),
        fields=TicketFields(
            subject=_text(row, "subject", "") or "",
            message=_text(row, "message", "") or "",
            status=_required_text(row, "status"),
            customer_id=None
            if row.get("customer_id") in (None, "")
            else read_id(row, "customer_id"),
            source=_text(row, "source", None),
            created_at=created_at,
        ),
    )


def read_tenant_id(row: Mapping[str, Any]) -> str:
    """The tenant that `row` names."""
    tenant_id = row.get("tenant_id")
    if not is_tenant_id(tenant_id):
        raise RejectedRecordError(f"tenant_id: {shown(tenant_id)} is no tenant id")
    return str(tenant_id)


def read_id(row: Mapping[str, Any], name: str) -> str:
    """The identifier `row[name]`: at most 256 characters, none of them a control character."""
    value = row.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        if not -LARGEST_INTEGER - 1 <= value <= LARGEST_INTEGER:
            raise RejectedRecordError(f"{name}: an integer over 64 bits")
        return str(value)
    if not isinstance(value, str) or not value:
        raise RejectedRecordError(f"{name}: {shown(value)} is no identifier")
    if len(value) > MAX_ID_LENGTH:
        raise RejectedRecordError(f"{name}: {len(value)} characters, at most {MAX_ID_LENGTH}")
    if _CONTROL.search(value):
        raise RejectedRecordError(f"{name}: holds a control character")
    return storable(value, name)


def _required_text(row: Mapping[str, Any], name: str) -> str:
    value = _text(row, name, None)
    if not value:
        raise RejectedRecordError(f"{name}: {shown(value)} is no text")
    return value


def _text(row: Mapping[str, Any], name: str, missing: str | None) -> str | None:
    value = row.get(name)
    if value is None:
        return missing
    if not isinstance(value, str):
        raise RejectedRecordError(f"{name}: expected text, got {type(value).__name__}")
    return storable(value, name)


def storable(text: str, name: str) -> str:
    """`text`, unless UTF-8 or BSON cannot hold it."""
    if "\x00" in text:
        raise RejectedRecordError(f"{name}: holds a NUL character")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise RejectedRecordError(f"{name}: holds a lone surrogate") from None
    return text


def shown(value: object) -> str:
    """`value` in a few words, whatever it is: what nests too deeply has no `repr`."""
    if isinstance(value, str):
        return repr(value[:60])
    if isinstance(value, dict | list):
        return f"a {type(value).__name__}"
    return "nothing" if value is None else repr(value)[:60]
