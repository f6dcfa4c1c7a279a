"""Who a record is about: tenants, ticket keys, partitions and deterministic ids."""

import re
import struct
import uuid
from typing import Final

TENANT_PATTERN: Final = r"^[A-Za-z0-9_-]{1,64}$"
MAX_ID_LENGTH: Final = 256

_TENANT = re.compile(r"[A-Za-z0-9_-]{1,64}")
_BLOCKS: Final = struct.Struct("<I")
_EVENT_NAMESPACE: Final = uuid.UUID("6f1f8a52-5d0c-5b0e-9d6c-2f6f3a1f7c11")


def is_tenant_id(text: object) -> bool:
    """True if `text` may name a tenant."""
    return isinstance(text, str) and _TENANT.fullmatch(text) is not None


def ticket_key(tenant_id: str, external_id: str) -> str:
    """The key of a ticket, `tenant:external_id`: unambiguous, as tenants hold no colon."""
    return f"{tenant_id}:{external_id}"


def change_event_id(key: str, version: int) -> str:
    """Same ticket and version, same id: writing a change event twice is harmless."""
    return str(uuid.uuid5(_EVENT_NAMESPACE, f"{key}:{version}"))


def partition_of(key: bytes, partitions: int) -> int:
    """The partition that Kafka's Java client picks for `key`: murmur2, sign cut, modulo."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions


def murmur2(data: bytes) -> int:
    """The 32-bit hash of Kafka's default partitioner (`Utils.murmur2`), as an unsigned integer."""
    length = len(data)
    mixed = 0x9747B28C ^ length
    whole = length & ~3
    for (block,) in _BLOCKS.iter_unpack(data[:whole]):
        block = (block * 0x5BD1E995) & 0xFFFFFFFF
        block ^= block >> 24
        mixed = ((mixed * 0x5BD1E995) ^ (block * 0x5BD1E995)) & 0xFFFFFFFF
    if tail := data[whole:]:
        mixed ^= int.from_bytes(tail, "little")
        mixed = (mixed * 0x5BD1E995) & 0xFFFFFFFF
    mixed ^= mixed >> 13
    mixed = (mixed * 0x5BD1E995) & 0xFFFFFFFF
    return mixed ^ (mixed >> 15)
