"""Which ticket a payload that nothing could process is about, as far as it can be told."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from domain.errors import RejectedRecordError
from domain.identity import is_tenant_id
from domain.observations import read_id
from domain.topics import RAW

CRAWL: Final = "crawl"  # where a helpdesk's row stood, in place of a topic


def subject_of(
    topic: str | None, key: bytes | None, value: bytes, headers: Sequence[tuple[str, bytes]] = ()
) -> tuple[str | None, str | None]:
    """Tenant and external id of the ticket that a payload is about, each None if it cannot be told.

    The payload counts; the key `tenant:external_id` only where the payload cannot be read.
    """
    try:
        body = msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _subject_of_key(key)
    about = _about(body, headers)
    if about is None:
        return _subject_of_key(key)
    tenant_id = about.get("tenant_id")
    names = ("id", "external_id") if topic in (RAW, CRAWL) else ("external_id",)
    found = (_external_id(about, name) for name in names)
    external_id = next((name for name in found if name is not None), None)
    return tenant_id if is_tenant_id(tenant_id) else None, external_id


def names_customer(value: bytes, customer_id: str) -> bool | None:
    """True if a payload says that a ticket is or was this customer's; None if it cannot be read."""
    try:
        body = msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None if customer_id.encode() in value else False
    waiting: list[object] = [body]
    while waiting:
        one = waiting.pop()
        if isinstance(one, list):
            waiting += one
        elif isinstance(one, dict):
            said = [one.get("customer_id")]
            if one.get("field") == "customer_id":
                said += [one.get("old"), one.get("new")]
            if customer_id in [str(name) for name in said if isinstance(name, str | int)]:
                return True
            waiting += one.values()
    return False


def _about(body: object, headers: Sequence[tuple[str, bytes]]) -> Mapping[str, Any] | None:
    """The object of a payload that names the ticket, however it is wrapped."""
    if not isinstance(body, dict):
        return None
    binary = any(name == "ce_specversion" for name, _ in headers)
    if binary or not any(name in body for name in ("data", "ticket", "specversion")):
        return body
    if "tenant_id" in body:  # a change event: the ticket beside it says nothing of who it is
        return body
    inner = body.get("data", body.get("ticket"))
    return inner if isinstance(inner, dict) else None


def _subject_of_key(key: bytes | None) -> tuple[str | None, str | None]:
    tenant, colon, external = (key or b"").decode(errors="replace").partition(":")
    if not colon or not is_tenant_id(tenant):
        return None, None
    return tenant, _external_id({"id": external}, "id")


def _external_id(about: Mapping[str, Any], name: str) -> str | None:
    try:
        return read_id(about, name)
    except RejectedRecordError:
        return None
