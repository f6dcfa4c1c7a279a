"""API keys: how a secret is written, what is kept of it, and for how long it is good.

A key is 256 random bits, so nobody guesses it from its hash, and a slow hash with a salt, which
protects what people choose, would cost each request milliseconds for nothing: NIST SP 800-63B,
section 5.1.2.2, asks for a plain approved one-way function where a secret has at least 112 bits.
"""

import hashlib
import re
import zlib
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from domain.access import Caller, KeyScope
from domain.access_errors import ApiKeyEndedError, KeyRequestError

# Found by its prefix and told from chance by its checksum, as GitHub's tokens are
# (https://github.blog/2021-04-05-behind-githubs-new-authentication-token-formats/).
PREFIX: Final = "deskstream_"
SECRET_BYTES: Final = 32
KEY_PATTERN: Final = rf"{PREFIX}[0-9A-Za-z]{{49}}"
LONGEST_NAME: Final = 100

_DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SECRET_LENGTH: Final = 43  # 62 ** 43 > 2 ** 256
_CHECKSUM_LENGTH: Final = 6  # 62 ** 6 > 2 ** 32
_KEY = re.compile(KEY_PATTERN)


class KeySecret(NamedTuple):
    """A secret of a key, as it is kept: its SHA-256, and when it ends if another follows it."""

    sha256: bytes
    valid_until: datetime | None = None


class ApiKey(NamedTuple):
    """A key as it is kept; `last_used_at` is a full minute."""

    id: str
    tenant_id: str
    name: str | None
    scopes: frozenset[KeyScope]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    secrets: tuple[KeySecret, ...]

    def check_alive(self, now: datetime) -> None:
        """Refuse a key that can be used no more.

        Raises:
            ApiKeyEndedError: it was revoked or has expired.
        """
        if self.revoked_at is not None:
            raise ApiKeyEndedError(self.id, "was revoked")
        if self.expires_at is not None and self.expires_at <= now:
            raise ApiKeyEndedError(self.id, "has expired")


class Admission(NamedTuple):
    """Whom a secret lets in, and until when (seconds since 1970)."""

    caller: Caller
    until: float


def written(secret: bytes) -> str:
    """A secret of 32 bytes as its owner gets it: prefix, 43 digits to base 62, checksum."""
    text = PREFIX + _to_base_62(int.from_bytes(secret, "big"), _SECRET_LENGTH)
    return text + _checksum(text)


def is_well_formed(text: str) -> bool:
    """True if `text` looks like a key, its checksum included: chance is one in four billions."""
    if _KEY.fullmatch(text) is None:
        return False
    return text[-_CHECKSUM_LENGTH:] == _checksum(text[:-_CHECKSUM_LENGTH])


def digest_of(text: str) -> bytes:
    """What is kept of a key, and looked up: whoever times the look-up learns of a hash only."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def admissions(keys: Iterable[ApiKey]) -> dict[bytes, Admission]:
    """Whom each secret lets in; those of revoked keys let in nobody."""
    found: dict[bytes, Admission] = {}
    for key in keys:
        if key.revoked_at is None:
            caller = Caller(key.tenant_id, key.scopes, key.id, key.name)
            for secret in key.secrets:
                ends = [end for end in (key.expires_at, secret.valid_until) if end is not None]
                until = min(end.timestamp() for end in ends) if ends else float("inf")
                found[secret.sha256] = Admission(caller, until)
    return found


def rotated(
    secrets: Sequence[KeySecret], new: bytes, now: datetime, overlap: timedelta
) -> tuple[KeySecret, ...]:
    """The secrets with a new one, by its hash: the others end after `overlap`, if not before."""
    end = now + overlap
    ending = [
        secret._replace(valid_until=min(secret.valid_until or end, end)) for secret in secrets
    ]
    alive = [s for s in ending if s.valid_until is not None and s.valid_until > now]
    return (*alive, KeySecret(new))


def checked_name(name: str | None) -> str | None:
    """A key's name as it may be shown on a terminal.

    Raises:
        KeyRequestError: it is too long, or holds what cannot be printed.
    """
    if name is not None and (len(name) > LONGEST_NAME or not name.isprintable()):
        raise KeyRequestError(f"a name has at most {LONGEST_NAME} characters, all printable")
    return name


def _to_base_62(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, len(_DIGITS))
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))


def _checksum(text: str) -> str:
    return _to_base_62(zlib.crc32(text.encode()), _CHECKSUM_LENGTH)
