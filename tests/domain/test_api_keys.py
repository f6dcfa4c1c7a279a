"""Keys: how they are written, for how long they are good, and what is kept of them."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.access import Caller, KeyScope
from domain.access_errors import ApiKeyEndedError, KeyRequestError
from domain.api_keys import (
    KEY_PATTERN,
    SECRET_BYTES,
    Admission,
    ApiKey,
    KeySecret,
    admissions,
    checked_name,
    digest_of,
    is_well_formed,
    rotated,
    written,
)

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
DAY = timedelta(days=1)
SECRETS = st.binary(min_size=SECRET_BYTES, max_size=SECRET_BYTES)
CALLER = Caller("acme", frozenset({KeyScope.ADMIN}), "key_1", "ci")


def key(*secrets: KeySecret, **fields: datetime | None) -> ApiKey:
    times = {"expires_at": None, "revoked_at": None, "last_used_at": None} | fields
    return ApiKey(
        id="key_1",
        tenant_id="acme",
        name="ci",
        scopes=CALLER.scopes,
        created_at=NOON,
        secrets=secrets,
        **times,
    )


@given(SECRETS)
def test_a_key_is_found_by_its_prefix_and_told_from_chance(secret: bytes) -> None:
    text = written(secret)

    assert is_well_formed(text)
    assert re.findall(KEY_PATTERN, f'{{"token":"{text}"}}') == [text]
    assert len(digest_of(text)) == 32


@given(SECRETS, SECRETS)
def test_different_secrets_are_different_keys(one: bytes, other: bytes) -> None:
    assert (written(one) == written(other)) == (one == other)


@given(SECRETS, st.integers(min_value=0), st.sampled_from("0aZ_ \nÿ"))
def test_a_key_with_another_character_is_none(secret: bytes, at: int, character: str) -> None:
    text = written(secret)
    at %= len(text)

    changed = text[:at] + character + text[at + 1 :]

    assert is_well_formed(changed) == (changed == text)


def test_the_first_and_the_last_secret_are_written_as_they_always_were() -> None:
    first, last = written(bytes(SECRET_BYTES)), written(b"\xff" * SECRET_BYTES)

    assert first == "deskstream_" + "0" * 43 + "3ix2df"
    assert last == "deskstream_yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp11m1el1"
    assert not is_well_formed("")


@pytest.mark.parametrize("text", ["\ud800", "ÿ" * 99, "\x00"])
def test_whatever_is_sent_has_a_digest(text: str) -> None:
    assert len(digest_of(text)) == 32


def test_a_secret_lets_its_key_in_for_as_long_as_both_are_good() -> None:
    forever, soon = KeySecret(b"f"), KeySecret(b"s", NOON + DAY)

    assert admissions([key(forever)]) == {b"f": Admission(CALLER, float("inf"))}
    ends = admissions([key(forever, soon, expires_at=NOON + 2 * DAY)])
    assert {secret: admission.until for secret, admission in ends.items()} == {
        b"f": (NOON + 2 * DAY).timestamp(),
        b"s": (NOON + DAY).timestamp(),
    }


def test_a_revoked_key_lets_nobody_in() -> None:
    assert admissions([key(KeySecret(b"f"), revoked_at=NOON)]) == {}


def test_a_new_secret_leaves_the_old_ones_a_while() -> None:
    once = rotated((KeySecret(b"1"),), b"2", NOON, DAY)
    twice = rotated(once, b"3", NOON + DAY / 2, DAY)

    assert once == (KeySecret(b"1", NOON + DAY), KeySecret(b"2"))
    assert twice == (
        KeySecret(b"1", NOON + DAY),  # a later rotation gives it no longer life
        KeySecret(b"2", NOON + DAY * 1.5),
        KeySecret(b"3"),
    )
    assert rotated(twice, b"4", NOON + DAY, timedelta(0)) == (KeySecret(b"4"),)


def test_only_a_key_that_lives_is_alive() -> None:
    key(expires_at=NOON).check_alive(NOON - DAY)
    for dead, how in ((key(expires_at=NOON), "expired"), (key(revoked_at=NOON), "revoked")):
        with pytest.raises(ApiKeyEndedError, match=how):
            dead.check_alive(NOON)


def test_names_can_be_printed() -> None:
    assert checked_name(None) is None
    assert checked_name("Büro, 2. Stock") == "Büro, 2. Stock"
    for name in ("x" * 101, "a\x1b[31m", "a\nb"):
        with pytest.raises(KeyRequestError):
            checked_name(name)
