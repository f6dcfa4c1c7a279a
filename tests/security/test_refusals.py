"""Who is not let in is told why in one line, and goes on asking where it is a service."""

import re
import socket
import ssl
import time
from pathlib import Path
from typing import Any

import pytest

from dev.certificates import Authority
from dev.ports import free_port
from dev.secure_engines import SecureEngines
from infra.kafka import started_plain_consumer, stop_consumer
from infra.kafka_security import KafkaRefusedError, client_security
from tests.cli.commands import Deskstream, is_one_line_error
from tests.security.roles import environment_in, settings_of

pytestmark = pytest.mark.services

PATIENCE = 30.0
WRONG = {"kafka_sasl_password": "wrong-word"}
IN_THE_CLEAR: dict[str, Any] = {
    "kafka_security_protocol": "PLAINTEXT",
    "kafka_sasl_mechanism": None,
    "kafka_sasl_username": None,
    "kafka_sasl_password": None,
    "kafka_ssl_cafile": None,
}


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
async def test_every_mechanism_lets_in_and_a_wrong_password_never_does(
    secure_engines: SecureEngines, mechanism: str
) -> None:
    settings = settings_of(secure_engines, "worker", kafka_sasl_mechanism=mechanism)
    await stop_consumer(await started_plain_consumer(settings))

    wrong = settings_of(secure_engines, "worker", kafka_sasl_mechanism=mechanism, **WRONG)
    with pytest.raises(KafkaRefusedError, match=r"^KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD: "):
        await started_plain_consumer(wrong)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (IN_THE_CLEAR, "breaks connections off: does it speak KAFKA_SECURITY_PROTOCOL=PLAINTEXT"),
        (
            {n: v for n, v in IN_THE_CLEAR.items() if "sasl" in n}
            | {"kafka_security_protocol": "SSL"},
            "breaks connections off: does it speak KAFKA_SECURITY_PROTOCOL=SSL",
        ),
        ({"kafka_ssl_cafile": None}, "KAFKA_SSL_CAFILE: the certificate of "),
        (
            {"kafka_bootstrap_servers": f"127.0.0.1:{free_port()}"},
            "no Kafka answers at KAFKA_BOOTSTRAP_SERVERS=",
        ),
    ],
)
async def test_a_client_that_is_not_let_in_is_told_which_setting(
    secure_engines: SecureEngines, changes: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(KafkaRefusedError, match=re.escape(sentence)):
        await started_plain_consumer(settings_of(secure_engines, "worker", **changes))


async def test_a_stranger_with_the_right_address_is_not_trusted(
    secure_engines: SecureEngines, tmp_path: Path
) -> None:
    other = Authority(tmp_path).ca

    with pytest.raises(KafkaRefusedError, match=r"^KAFKA_SSL_CAFILE: the certificate of "):
        await started_plain_consumer(settings_of(secure_engines, "worker", kafka_ssl_cafile=other))


async def test_a_certificate_of_another_host_is_not_trusted_unless_that_is_asked_for(
    secure_engines: SecureEngines,
) -> None:
    _, _, port = secure_engines.kafka.bootstrap.partition(":")
    settings = settings_of(secure_engines, "worker")
    given = client_security(settings)
    lenient = client_security(settings.model_copy(update={"kafka_ssl_check_hostname": False}))

    with (
        socket.create_connection(("127.0.0.1", int(port))) as plain,
        pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"),
    ):
        given["ssl_context"].wrap_socket(plain, server_hostname="another.example")
    with socket.create_connection(("127.0.0.1", int(port))) as plain:
        lenient["ssl_context"].wrap_socket(plain, server_hostname="another.example").close()


@pytest.mark.parametrize(
    ("variable", "reason"),
    [
        ("KAFKA_SASL_PASSWORD", "KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD: "),
        ("KAFKA_SSL_CAFILE", "KAFKA_SSL_CAFILE: the certificate of "),
        ("MONGODB_PASSWORD", "MongoDB cannot be used: Authentication failed"),
        ("MONGODB_CA", "MongoDB cannot be used: "),
    ],
)
def test_a_command_that_is_not_let_in_ends_with_one_line(
    secure_engines: SecureEngines, tmp_path: Path, variable: str, reason: str
) -> None:
    ended = Deskstream(_spoilt(secure_engines, tmp_path, variable)).run("topics", "check")

    assert is_one_line_error(ended), ended.stderr
    assert ended.stderr.startswith(f"deskstream: {reason}")
    assert not _shows_a_secret(secure_engines, ended.stderr)


@pytest.mark.faults
@pytest.mark.parametrize("variable", ["KAFKA_SASL_PASSWORD", "MONGODB_PASSWORD"])
def test_a_service_that_is_not_let_in_says_why_and_asks_again(
    secure_engines: SecureEngines, tmp_path: Path, variable: str
) -> None:
    """A password may be made after the process was started: it is a state, no mistake."""
    command = Deskstream(_spoilt(secure_engines, tmp_path, variable))
    process = command.start("projector")
    try:
        assert process.stderr is not None
        lines: list[str] = []
        deadline = time.monotonic() + PATIENCE
        while sum("engines_awaited" in line for line in lines) < 3:
            assert time.monotonic() < deadline, lines
            lines.append(process.stderr.readline())
        assert process.poll() is None
    finally:
        process.terminate()
        said = "".join(lines) + process.communicate(timeout=PATIENCE)[1]
    assert process.returncode == 0
    assert "Traceback" not in said
    named = "KAFKA_SASL_PASSWORD: " if variable.startswith("KAFKA") else "MONGODB_URI"
    assert named in said
    assert not _shows_a_secret(secure_engines, said)


def _spoilt(engines: SecureEngines, directory: Path, variable: str) -> dict[str, str]:
    environment = dict(environment_in(engines, "operator"))
    uri = environment["MONGODB_URI"]
    match variable:
        case "MONGODB_PASSWORD":
            word = engines.passwords["deskstream"]
            return environment | {"MONGODB_URI": uri.replace(word, "wrong-word")}
        case "MONGODB_CA":
            other = str(Authority(directory).ca)
            return environment | {"MONGODB_URI": uri.replace(str(engines.authority.ca), other)}
        case "KAFKA_SSL_CAFILE":
            return environment | {variable: str(Authority(directory).ca)}
        case _:
            return environment | {variable: "wrong-word"}


def _shows_a_secret(engines: SecureEngines, text: str) -> bool:
    return any(word in text for word in (*engines.passwords.values(), "wrong-word"))
