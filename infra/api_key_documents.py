"""The document of an API key: what is kept of it, and reading it back."""

import secrets
import uuid
from datetime import UTC, datetime
from typing import NamedTuple

from bson import Binary

from domain.access import KeyScope, in_order
from domain.api_keys import SECRET_BYTES, ApiKey, KeySecret, digest_of, written
from domain.instants import cut
from infra.mongo import Document

_SCOPES = frozenset(KeyScope)


class NewSecret(NamedTuple):
    """A secret that nobody will be shown again, and the key that it is of."""

    key: ApiKey
    text: str


def new_text() -> str:
    """A secret as its owner gets it: 256 bits from the operating system."""
    return written(secrets.token_bytes(SECRET_BYTES))


def new_key(
    tenant_id: str, scopes: frozenset[KeyScope], name: str | None, expires_at: datetime | None
) -> NewSecret:
    """A key that is good from now on, and not kept yet."""
    text = new_text()
    key = ApiKey(
        id=f"key_{uuid.uuid4().hex[:12]}",
        tenant_id=tenant_id,
        name=name,
        scopes=scopes,
        created_at=cut(datetime.now(UTC)),
        expires_at=expires_at,
        revoked_at=None,
        last_used_at=None,
        secrets=(KeySecret(digest_of(text)),),
    )
    return NewSecret(key, text)


def document_of(key: ApiKey) -> Document:
    """A key as it is kept."""
    fields = key._asdict()
    kept = [{"sha256": Binary(s.sha256), "valid_until": s.valid_until} for s in key.secrets]
    return {"_id": fields.pop("id"), **fields, "scopes": in_order(key.scopes), "secrets": kept}


def key_of(document: Document) -> ApiKey:
    """A key that was kept; a scope of a later release is good for nothing here.

    Raises:
        KeyError, TypeError, ValueError: somebody spoilt it.
    """
    kept = tuple(KeySecret(bytes(s["sha256"]), s["valid_until"]) for s in document["secrets"])
    fields = {name: document[name] for name in ApiKey._fields if name != "id"}
    fields |= {"scopes": frozenset(map(KeyScope, _SCOPES & {*document["scopes"]})), "secrets": kept}
    key = ApiKey(id=document["_id"], **fields)
    ends = (key.expires_at, key.revoked_at, key.last_used_at, *(s.valid_until for s in kept))
    if not all(end is None or isinstance(end, datetime) for end in (key.created_at, *ends)):
        raise TypeError("a moment is none")
    return key
