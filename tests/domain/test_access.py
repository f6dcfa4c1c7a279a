"""Who may do what: each decision about a caller, and nothing decided by accident."""

import pytest

from domain import access_errors
from domain.access import (
    ANYBODY,
    EVERY_SCOPE,
    Caller,
    KeyScope,
    bound_to,
    in_order,
    parse_scopes,
)
from domain.access_errors import (
    ApiKeyEndedError,
    ApiKeyNotFoundError,
    BoundKeyError,
    KeyRequestError,
    MissingScopeError,
    NoApiKeyError,
    TenantHiddenError,
)
from domain.errors import DeskstreamError

ACME = Caller("acme", EVERY_SCOPE, "key_1")
ALL = Caller("*", EVERY_SCOPE, "key_2")
READER = Caller("*", frozenset({KeyScope.TICKETS_READ}), "key_3")


@pytest.mark.parametrize("caller", [ACME, ALL, READER, ANYBODY])
def test_a_caller_is_granted_its_own_tenant(caller: Caller) -> None:
    assert caller.grant("acme").tenant_id == "acme"
    assert caller.sees("acme")


@pytest.mark.parametrize("tenant_id", ["globex", "Acme", "acme2", "acm", ""])
def test_a_bound_caller_is_granted_no_other_tenant(tenant_id: str) -> None:
    with pytest.raises(TenantHiddenError, match="sees no tenant"):
        ACME.grant(tenant_id)

    assert not ACME.sees(tenant_id)


def test_all_tenants_together_want_admin_and_a_key_of_all() -> None:
    assert ALL.grant("*").tenant_id == "*"
    with pytest.raises(MissingScopeError, match="admin"):
        READER.grant("*")
    with pytest.raises(BoundKeyError):
        ACME.grant("*")
    assert not ACME.sees("*")


def test_one_of_the_scopes_is_enough_and_none_includes_another() -> None:
    for scope in KeyScope:
        only = Caller("acme", frozenset({scope}), "key_4")
        only.check(())
        only.check((scope, KeyScope.ADMIN))
        with pytest.raises(MissingScopeError):
            only.check(set(KeyScope) - {scope})


def test_where_access_is_open_anybody_may_do_everything() -> None:
    ANYBODY.check_deployment()
    ANYBODY.check(KeyScope)

    assert ANYBODY.key_id is None


def test_scopes_are_read_as_they_are_written() -> None:
    scopes = parse_scopes("admin, tickets:read,admin,")

    assert scopes == {KeyScope.ADMIN, KeyScope.TICKETS_READ}
    assert in_order(scopes) == ["tickets:read", "admin"]


@pytest.mark.parametrize("text", ["", " , ", "tickets", "tickets:write", "*", "tickets:read;admin"])
def test_what_is_no_scope_is_refused(text: str) -> None:
    with pytest.raises(KeyRequestError, match="tickets:read, stats:read, ingest:write"):
        parse_scopes(text)


@pytest.mark.parametrize("tenant_id", ["acme", "A-1_b", "x" * 64, "*"])
def test_a_key_is_bound_to_a_tenant_or_to_all(tenant_id: str) -> None:
    assert bound_to(tenant_id) == tenant_id


@pytest.mark.parametrize("tenant_id", ["", "a b", "a:b", "x" * 65, "**", "acme\n", "é"])
def test_a_key_is_bound_to_nothing_else(tenant_id: str) -> None:
    with pytest.raises(KeyRequestError, match="is no tenant"):
        bound_to(tenant_id)


SAID: list[tuple[DeskstreamError, str]] = [
    (KeyRequestError("no"), "no"),
    (MissingScopeError(["a", "b"]), "this wants a key with the scope a or b"),
    (BoundKeyError(), "this concerns all tenants: it wants a key bound to *"),
    (TenantHiddenError("a"), "this key sees no tenant a"),
    (ApiKeyNotFoundError("k"), "there is no key k"),
    (ApiKeyEndedError("k", "was revoked"), "key k was revoked: create a new one"),
    (
        NoApiKeyError("0.0.0.0"),  # noqa: S104 (said, not bound)
        "API_HOST=0.0.0.0 can be reached from other machines, and no API key exists; first run:"
        " deskstream keys create --tenant '*'"
        " --scope tickets:read,stats:read,ingest:write,alerts:write,admin",
    ),
]


@pytest.mark.parametrize(("error", "sentence"), SAID)
def test_an_error_says_one_sentence(error: DeskstreamError, sentence: str) -> None:
    assert str(error) == sentence


def test_every_error_is_in_the_tree_and_tested() -> None:
    tree = access_errors.__doc__ or ""
    own = {c for c in vars(access_errors).values() if isinstance(c, type)} - {DeskstreamError}

    assert {type(error) for error, _ in SAID} == {c for c in own if issubclass(c, DeskstreamError)}
    assert all(c.__name__ in tree for c in own if issubclass(c, DeskstreamError))
