"""Kafka over TLS and SASL: which settings go together, and what every client of ours is given."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, Literal

from aiokafka.conn import create_conn
from aiokafka.errors import (
    KafkaConnectionError,
    KafkaError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)
from aiokafka.protocol.metadata import MetadataRequest
from pydantic import SecretStr
from pydantic_settings import BaseSettings

_TLS: Final = ("SSL", "SASL_SSL")
_SASL: Final = ("SASL_PLAINTEXT", "SASL_SSL")
_SASL_SETTINGS: Final = ("kafka_sasl_mechanism", "kafka_sasl_username", "kafka_sasl_password")
_TLS_SETTINGS: Final = ("kafka_ssl_cafile", "kafka_ssl_certfile", "kafka_ssl_keyfile")
_ASK_MS: Final = 5_000
_OTHER_NAME: Final = (62, 63, 64)  # OpenSSL's codes for a host, mail or IP address that differs


class KafkaRefusedError(KafkaConnectionError):  # type: ignore[misc]
    """No broker lets us in: one sentence says why, and names the setting."""

    def __str__(self) -> str:
        return str(self.args[0])


class KafkaAccess(BaseSettings):
    """How Kafka is reached.  Without a CA file the system's own authorities are trusted."""

    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = None
    kafka_sasl_username: str | None = None
    kafka_sasl_password: SecretStr | None = None
    kafka_ssl_cafile: Path | None = None
    kafka_ssl_certfile: Path | None = None
    kafka_ssl_keyfile: Path | None = None
    kafka_ssl_check_hostname: bool = True

    @property
    def uses_tls(self) -> bool:
        """True if what is sent to Kafka is encrypted."""
        return self.kafka_security_protocol in _TLS

    @property
    def uses_sasl(self) -> bool:
        """True if a name and a password are shown to Kafka."""
        return self.kafka_security_protocol in _SASL


def objection(access: KafkaAccess) -> str | None:
    """Why these settings cannot work, as one sentence that names one; None if they can."""
    if found := _misfit(access):
        return found
    try:
        client_security(access)
    except KafkaRefusedError as error:
        return str(error)
    return None


def client_security(access: KafkaAccess) -> dict[str, Any]:
    """What any aiokafka client is given beside the addresses; files are read anew each time.

    Raises:
        KafkaRefusedError: a file of certificates or keys cannot be used.
    """
    given: dict[str, Any] = {"security_protocol": access.kafka_security_protocol}
    if access.uses_tls:
        given["ssl_context"] = _tls_context(access)
    if access.uses_sasl and access.kafka_sasl_password is not None:
        given["sasl_mechanism"] = access.kafka_sasl_mechanism
        given["sasl_plain_username"] = access.kafka_sasl_username
        given["sasl_plain_password"] = access.kafka_sasl_password.get_secret_value()
    return given


@asynccontextmanager
async def explained(servers: str, access: KafkaAccess) -> AsyncIterator[None]:
    """A client is started inside the block; if no broker lets it in, the error says why.

    aiokafka tells the reason to its log only, so one connection is tried again.
    """
    try:
        yield
    except KafkaRefusedError:
        raise
    except KafkaConnectionError:
        reasons = [await _refusal(server, access) for server in servers.split(",")]
        raise KafkaRefusedError("; ".join(dict.fromkeys(reasons))) from None


def _misfit(access: KafkaAccess) -> str | None:
    protocol = f"KAFKA_SECURITY_PROTOCOL={access.kafka_security_protocol}"
    for is_used, names, what in (
        (access.uses_sasl, _SASL_SETTINGS, "SASL"),
        (access.uses_tls, _TLS_SETTINGS, "TLS"),
    ):
        for name in names:
            is_set = getattr(access, name) is not None
            if is_set and not is_used:
                return f"{name.upper()}: is set, but {protocol} uses no {what}"
            if is_used and not is_set and names is _SASL_SETTINGS:
                return f"{name.upper()}: is needed with {protocol}"
    if not access.kafka_ssl_check_hostname and not access.uses_tls:
        return f"KAFKA_SSL_CHECK_HOSTNAME: is set, but {protocol} uses no TLS"
    if access.kafka_ssl_keyfile is not None and access.kafka_ssl_certfile is None:
        return "KAFKA_SSL_CERTFILE: is needed with KAFKA_SSL_KEYFILE"
    return None


def _tls_context(access: KafkaAccess) -> ssl.SSLContext:
    cafile = access.kafka_ssl_cafile
    try:
        context = ssl.create_default_context(cafile=None if cafile is None else str(cafile))
    except OSError as error:
        raise _unusable("KAFKA_SSL_CAFILE", cafile, error) from None
    context.check_hostname = access.kafka_ssl_check_hostname
    if access.kafka_ssl_certfile is not None:
        try:
            # Without a password a key that is encrypted would be asked for on the terminal.
            context.load_cert_chain(
                access.kafka_ssl_certfile, access.kafka_ssl_keyfile, password=lambda: b""
            )
        except OSError as error:
            name = "KAFKA_SSL_CERTFILE" + (
                " and KAFKA_SSL_KEYFILE" * bool(access.kafka_ssl_keyfile)
            )
            raise _unusable(name, access.kafka_ssl_certfile, error) from None
    return context


def _unusable(name: str, path: Path | None, error: OSError) -> KafkaRefusedError:
    reason = error.strerror if error.filename or not isinstance(error, ssl.SSLError) else None
    told = reason or f"holds no certificates or keys that can be used ({error.args[-1]})"
    return KafkaRefusedError(f"{name}: {path}: {told}")


async def _refusal(server: str, access: KafkaAccess) -> str:
    """What comes of one connection to `host:port`."""
    host, _, port = server.rpartition(":")
    protocol = f"KAFKA_SECURITY_PROTOCOL={access.kafka_security_protocol}"
    try:
        connection = await create_conn(
            host.strip("[]"), int(port), request_timeout_ms=_ASK_MS, **client_security(access)
        )
        try:
            await connection.send(MetadataRequest([]))  # one that wants a password answers nothing
        finally:
            connection.close()
    except SaslAuthenticationFailed as error:
        return f"KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD: {server} refuses them: {error.args[0]}"
    except UnsupportedSaslMechanismError:
        return f"KAFKA_SASL_MECHANISM: {server} does not take {access.kafka_sasl_mechanism}"
    except ssl.SSLCertVerificationError as error:
        name = "CHECK_HOSTNAME" if error.verify_code in _OTHER_NAME else "CAFILE"
        return f"KAFKA_SSL_{name}: the certificate of {server}: {error.verify_message}"
    except (ssl.SSLError, ConnectionResetError, KafkaConnectionError):
        return f"{server} breaks connections off: does it speak {protocol}, or want a certificate?"
    except (OSError, TimeoutError, KafkaError):
        return f"no Kafka answers at KAFKA_BOOTSTRAP_SERVERS={server} with {protocol}"
    return f"{server} could not be used a moment ago"
