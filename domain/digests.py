"""The digest of a read model: a sum over its documents, whatever their order and batches.

A sum of hashes modulo a power of two identifies a set of documents as long as nobody chooses them
to collide (Bellare and Micciancio, "A New Paradigm for Collision-Free Hashing", AdHash, 1997).
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

import msgspec

DIGEST: Final = "digest"
DIGEST_BYTES: Final = 32

_MODULUS: Final = 1 << (8 * DIGEST_BYTES)
_LONGEST_NAME: Final = 16


def _foreign(value: object) -> str:
    """What no read model holds, put there by somebody else: another digest, not an error."""
    return f"{type(value).__name__}: {value}"


_CANONICAL: Final = msgspec.json.Encoder(order="sorted", enc_hook=_foreign)


class Digest(NamedTuple):
    """How many documents there are, and the sum of their hashes modulo 2^256."""

    documents: int = 0
    total: int = 0

    def plus(self, other: "Digest") -> "Digest":
        """The digest of both together."""
        return Digest(self.documents + other.documents, (self.total + other.total) % _MODULUS)

    @property
    def hex(self) -> str:
        """64 hexadecimal digits."""
        return self.total.to_bytes(DIGEST_BYTES, "big").hex()


class Share(NamedTuple):
    """Whose documents a sum is over: those of a tenant, from one partition of the log."""

    model: str
    tenant_id: str
    partition: int


def document_digest(model: str, document: Mapping[str, Any]) -> bytes:
    """The hash of a document of `model`, without the field that keeps it.

    The canonical encoding is JSON with sorted members; instants are RFC 3339 in milliseconds, and
    there are no floats.
    """
    content: Mapping[str, Any] = document
    if DIGEST in document:
        content = {name: value for name, value in document.items() if name != DIGEST}
    person = model.encode()[:_LONGEST_NAME]
    return hashlib.blake2b(
        _CANONICAL.encode(content), digest_size=DIGEST_BYTES, person=person
    ).digest()


class DigestChanges:
    """What a batch changes in the digests of its shares."""

    def __init__(self) -> None:
        # By plain tuples: one is made for every document.
        self._changes: defaultdict[tuple[str, str, int], list[int]] = defaultdict(lambda: [0, 0])

    def add(self, model: str, tenant_id: str, partition: int, digest: bytes) -> None:
        """A document came."""
        change = self._changes[model, tenant_id, partition]
        change[0] += 1
        change[1] += int.from_bytes(digest, "big")

    def remove(self, model: str, tenant_id: str, partition: int, digest: bytes) -> None:
        """A document went, or had this digest before."""
        change = self._changes[model, tenant_id, partition]
        change[0] -= 1
        change[1] -= int.from_bytes(digest, "big")

    def items(self) -> Iterable[tuple[Share, Digest]]:
        """The change of each share; `documents` may be below 0, `total` is not."""
        for place, (documents, total) in self._changes.items():
            yield Share(*place), Digest(documents, total % _MODULUS)
