"""Access: who calls, with which scopes, and for which tenants that is good.  Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address
from typing import Final

from domain.access_errors import (
    BoundKeyError,
    KeyRequestError,
    MissingScopeError,
    TenantHiddenError,
)
from domain.identity import is_tenant_id
from domain.runs import ALL_TENANTS


class KeyScope(StrEnum):
    """What a key may be good for; none includes another."""

    TICKETS_READ = "tickets:read"
    STATS_READ = "stats:read"
    INGEST_WRITE = "ingest:write"
    ALERTS_WRITE = "alerts:write"
    ADMIN = "admin"


EVERY_SCOPE: Final = frozenset(KeyScope)


@dataclass(frozen=True, slots=True)
class GrantedTenant:
    """A tenant, or `*`, that a caller may act for: only `Caller.grant` makes one."""

    tenant_id: str


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: a key, or anybody where access is open (`key_id` is None)."""

    tenant_id: str  # `*`: of all tenants
    scopes: frozenset[KeyScope]
    key_id: str | None = None
    name: str | None = None

    @property
    def is_of_all(self) -> bool:
        """True if the caller is bound to no single tenant."""
        return self.tenant_id == ALL_TENANTS

    def check(self, any_of: Iterable[KeyScope]) -> None:
        """Refuse a caller who has none of these scopes; no scopes ask for nothing.

        Raises:
            MissingScopeError: none of them is there.
        """
        wanted = tuple(any_of)
        if wanted and self.scopes.isdisjoint(wanted):
            raise MissingScopeError(wanted)

    def check_deployment(self) -> None:
        """Refuse a caller who may not touch what belongs to no single tenant.

        Raises:
            MissingScopeError: the scope `admin` is missing.
            BoundKeyError: it is there, on a key of one tenant.
        """
        self.check((KeyScope.ADMIN,))
        if not self.is_of_all:
            raise BoundKeyError

    def sees(self, tenant_id: str) -> bool:
        """True if what belongs to the tenant, or to `*`, may be shown to the caller."""
        return self.tenant_id in (ALL_TENANTS, tenant_id)

    def grant(self, tenant_id: str) -> GrantedTenant:
        """The tenant that was asked for, as one that the caller may act for.

        Raises:
            TenantHiddenError: it is not the caller's, whether it exists or not.
            MissingScopeError: `*` without the scope `admin`.
            BoundKeyError: `*` with a key of one tenant.
        """
        if tenant_id == ALL_TENANTS:
            self.check_deployment()
        elif not self.sees(tenant_id):
            raise TenantHiddenError(tenant_id)
        return GrantedTenant(tenant_id)


ANYBODY: Final = Caller(ALL_TENANTS, EVERY_SCOPE)


def parse_scopes(text: str) -> frozenset[KeyScope]:
    """Scopes as they are written: names with commas between them.

    Raises:
        KeyRequestError: one is unknown, or there is none.
    """
    names = {name.strip() for name in text.split(",") if name.strip()}
    known = ", ".join(KeyScope)
    if not names:
        raise KeyRequestError(f"a key needs a scope: {known}")
    if unknown := sorted(names - set(KeyScope)):
        raise KeyRequestError(f"there is no scope {', '.join(unknown)}; there are {known}")
    return frozenset(map(KeyScope, names))


def in_order(scopes: Iterable[KeyScope]) -> list[str]:
    """Scopes as they are shown."""
    held = set(scopes)
    return [scope.value for scope in KeyScope if scope in held]


def is_loopback(host: str) -> bool:
    """True if only this machine reaches what listens on `host`; of names only `localhost`."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def bound_to(tenant_id: str) -> str:
    """The tenant that a key is bound to, or `*`.

    Raises:
        KeyRequestError: it is neither.
    """
    if tenant_id != ALL_TENANTS and not is_tenant_id(tenant_id):
        raise KeyRequestError(
            f"{tenant_id!r} is no tenant: 1 to 64 letters, digits, - and _, or * for all tenants"
        )
    return tenant_id
