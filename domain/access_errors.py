"""What may be wrong with an API key, or with what somebody wants to do with it.

DeskstreamError
├── KeyRequestError       such a key cannot be made
├── MissingScopeError     the key lacks the scope that this wants
├── BoundKeyError         this belongs to no single tenant, and the key to one
├── TenantHiddenError     the key sees no such tenant, whether there is one or not
├── ApiKeyNotFoundError   no key has this id
├── ApiKeyEndedError      the key was revoked or has expired: it gets no new secret
└── NoApiKeyError         there is no key, where the API is not to be open
"""

from collections.abc import Iterable

from domain.errors import DeskstreamError


class KeyRequestError(DeskstreamError):
    """A key that was asked for cannot be made; `reason` says what is wrong."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class MissingScopeError(DeskstreamError):
    """The key has none of the scopes of which this wants one."""

    def __init__(self, scopes: Iterable[str]) -> None:
        self.scopes = tuple(scopes)
        super().__init__(f"this wants a key with the scope {' or '.join(self.scopes)}")


class BoundKeyError(DeskstreamError):
    """What belongs to no single tenant was wanted with a key of one, whatever its scopes."""

    def __init__(self) -> None:
        super().__init__("this concerns all tenants: it wants a key bound to *")


class TenantHiddenError(DeskstreamError):
    """The key sees no such tenant; whether there is one is not told."""

    def __init__(self, tenant_id: str) -> None:
        super().__init__(f"this key sees no tenant {tenant_id}")
        self.tenant_id = tenant_id


class ApiKeyNotFoundError(DeskstreamError):
    """No key has this id."""

    def __init__(self, key_id: str) -> None:
        super().__init__(f"there is no key {key_id}")
        self.key_id = key_id


class ApiKeyEndedError(DeskstreamError):
    """The key was revoked or has expired: it gets no new secret."""

    def __init__(self, key_id: str, how: str) -> None:
        super().__init__(f"key {key_id} {how}: create a new one")
        self.key_id = key_id


class NoApiKeyError(DeskstreamError):
    """There is no key, where the API is not to be open."""

    def __init__(self, host: str) -> None:
        super().__init__(
            f"API_HOST={host} can be reached from other machines, and no API key exists; first run:"
            " deskstream keys create --tenant '*'"
            " --scope tickets:read,stats:read,ingest:write,alerts:write,admin"
        )
        self.host = host
